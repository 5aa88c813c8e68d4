"""The product's own processes on a stack."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from benchmarks.processes import Processes
from benchmarks.stack import Stack
from tests.servers.processes import free_port, listens

WORKER_PROCESSES = 2


class Product(Processes):
    """Worker and beat, and web where asked for; with the embedded broker all of it is the web process.

    `settings` are environment variables on top of the stack's.
    """

    def __init__(self, stack: Stack, settings: Mapping[str, str], *, web: bool = False) -> None:
        self.port = free_port()
        commands: dict[str, Sequence[str]] = {}
        if web or stack.embedded:
            commands["web"] = [
                *_python("gunicorn"),
                *("--config", "python:switera_webhooks.gunicorn_conf", "--bind", f"127.0.0.1:{self.port}"),
                "switera_webhooks.wsgi",
            ]
        if not stack.embedded:
            commands["worker"] = worker_command("switera_webhooks.celery")
            commands["beat"] = [*_python("celery"), "--app", "switera_webhooks.celery", "beat"]
        super().__init__(commands, stack.directory, {**stack.environment, **settings})

    @property
    def api(self) -> str:
        """Where REST answers requests to stack.HOST."""
        return f"http://127.0.0.1:{self.port}/api/v1"

    def wait_for_web(self) -> None:
        self.wait_for("web", lambda: listens(self.port))

    def wait_for_worker(self) -> None:
        """Return once a worker answers over the broker. This process must use the same stack."""
        from switera_webhooks.celery import app

        self.wait_for("worker", lambda: bool(app.control.ping(timeout=0.2)))


def worker_command(app: str, prefetch: int = 1) -> Sequence[str]:
    """A Celery worker as the product runs it, for any Celery app. Celery's own `prefetch` is 4."""
    return [
        *_python("celery"),
        *("--app", app, "worker", "--pool", "prefork", "--concurrency", str(WORKER_PROCESSES)),
        *("--prefetch-multiplier", str(prefetch), "--loglevel", "WARNING"),
    ]


@contextmanager
def product(stack: Stack, settings: Mapping[str, str] | None = None, *, web: bool = False) -> Iterator[Product]:
    """Run the product; ended when the block is left, however that is."""
    running = Product(stack, settings or {}, web=web)
    try:
        running.start()
        if web or stack.embedded:
            running.wait_for_web()
        if not stack.embedded:
            running.wait_for_worker()
        yield running
    except BaseException:
        running.kill()
        raise
    running.stop()


def _python(module: str) -> Sequence[str]:
    return [sys.executable, "-m", module]
