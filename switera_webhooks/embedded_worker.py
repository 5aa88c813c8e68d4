"""Worker and scheduler as threads of a web process: what the embedded broker (`memory://`) needs.

Its queue lives in one process, so whoever publishes and whoever works must be that process.
"""

import logging
import os
import signal
import threading
from collections.abc import Callable

from celery import signals
from celery.beat import Service
from celery.platforms import EX_OK
from celery.worker import state

from switera_webhooks.celery import SWEEP_TASK, app

logger = logging.getLogger(__name__)

# One drains, the other sweeps meanwhile.
CONCURRENCY = 2


class EmbeddedWorker:
    """Both threads, from start to stop."""

    def __init__(self) -> None:
        self._stopping = False
        self._beat = Service(app, scheduler_cls=app.conf.beat_scheduler)
        worker = app.WorkController(
            pool_cls="threads",
            concurrency=CONCURRENCY,
            hostname=f"embedded-{os.getpid()}@localhost",
            without_gossip=True,
            without_heartbeat=True,
            without_mingle=True,
        )
        self._threads = [self._thread("worker", worker.start), self._thread("beat", self._beat.start)]

    def start(self) -> None:
        state.should_stop = None
        for thread in self._threads:
            thread.start()

    def is_running(self) -> bool:
        return not self._stopping and all(thread.is_alive() for thread in self._threads)

    def stop(self, seconds: float) -> bool:
        """Take no more work, finish what is in flight within `seconds`; whether all of it was."""
        self._stopping = True
        self._beat.stop()
        signals.worker_shutting_down.send(sender="embedded", sig="SIGTERM", how="Warm", exitcode=EX_OK)
        state.should_stop = EX_OK  # type: ignore[assignment] # the stubs take its first value for the only one
        # The worker looks at that after a message, and then waits for one more before it stops.
        for _ in range(2):
            app.send_task(SWEEP_TASK, ignore_result=True)
        worker, _ = self._threads
        worker.join(seconds)
        return not worker.is_alive()

    def _thread(self, name: str, run: Callable[[], object]) -> threading.Thread:
        return threading.Thread(target=self._run, args=(name, run), name=f"embedded-{name}", daemon=True)

    def _run(self, name: str, run: Callable[[], object]) -> None:
        try:
            run()
        except Exception:
            logger.exception("The embedded %s failed", name)
        if not self._stopping:
            # Requests would still be answered and nothing delivered: let gunicorn put a new process in place.
            logger.critical("The embedded %s ended: this process ends with it", name)
            os.kill(os.getpid(), signal.SIGTERM)


_running: EmbeddedWorker | None = None


def start() -> None:
    """Start this process' worker and scheduler."""
    global _running
    _running = EmbeddedWorker()
    _running.start()


def stop(seconds: float) -> None:
    """Stop them, where they were started."""
    if _running is not None and not _running.stop(seconds):
        logger.warning("Requests were still in flight: their deliveries are tried again")


def is_running() -> bool:
    return _running is not None and _running.is_running()
