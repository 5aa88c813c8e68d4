"""Sets up a demo, starts the processes, waits for the web server, and watches until the end.

Embedded by default: one web process on SQLite that also works and schedules. With DATABASE_URL and
CELERY_BROKER_URL set: web, worker and scheduler on those. A sample receiver beside them prints what arrives.
"""

import json
import math
import os
import shlex
import socket  # noqa: TID251 (looks whether a port is free)
import sys
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPException  # noqa: TID251 (to this run's own web server)
from pathlib import Path
from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured

from switera_webhooks.run.processes import ChildEnded, Processes, Stopped

if TYPE_CHECKING:
    from switera_webhooks.run.demo import Demo

BASE_DIR = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
# A run that was just ended may need a moment to let go of its ports.
PORT_WAIT_SECONDS = 5.0
START_SECONDS = 60.0


class CannotRun(Exception):
    """The run cannot begin; the message says what to do."""


def main() -> int:
    """Run until Ctrl-C or SIGTERM (0), or until something is wrong (1)."""
    processes = Processes()
    end_within = 10.0
    try:
        port, receiver_port = _prepare()
        from django.conf import settings

        end_within = settings.WEBHOOKS_TIMEOUT + 15
        demo, secret = _set_up(f"http://{HOST}:{receiver_port}/")
        _start(processes, port, receiver_port, secret)
        _wait_for_web(processes, port)
        _say(_banner(port, demo))
        processes.watch()
    except Stopped:
        return 0
    except (CannotRun, ChildEnded) as problem:
        print(problem, file=sys.stderr, flush=True)  # noqa: T201
    except ImproperlyConfigured as problem:
        print(f"Settings: {problem}", file=sys.stderr, flush=True)  # noqa: T201
    finally:
        processes.end(end_within)
    return 1


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def _prepare() -> tuple[int, int]:
    """The environment, Django, and two free ports: of the web and of the receiver."""
    from switera_webhooks.environment import whole_number
    from switera_webhooks.run.defaults import prepare_environment

    os.chdir(BASE_DIR)
    prepare_environment(BASE_DIR)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "switera_webhooks.settings")
    port = whole_number("PORT", "8000", least=1, most=65535)
    receiver_port = whole_number("RECEIVER_PORT", "8001", least=1, most=65535)
    if port == receiver_port:
        raise CannotRun(f"PORT and RECEIVER_PORT are both {port}: give the receiver another one.")

    import django

    from switera_webhooks.checks import refuse_incomplete_settings

    django.setup()
    refuse_incomplete_settings()
    _wait_for_port(port, "PORT")
    _wait_for_port(receiver_port, "RECEIVER_PORT")
    return port, receiver_port


def _wait_for_port(port: int, variable: str) -> None:
    until = time.monotonic() + PORT_WAIT_SECONDS
    while True:
        with closing(socket.socket()) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((HOST, port))
            except OSError as error:
                if time.monotonic() > until:
                    raise CannotRun(
                        f"Port {port} is not free ({error.strerror}): end what uses it, or run "
                        f"`{variable}=<another port> make run`."
                    ) from error
            else:
                return
        time.sleep(0.1)


def _set_up(receiver_url: str) -> tuple["Demo", str | None]:
    """The database, the catalog and the demo; with the receiver's secret, unless the guard refuses its URL."""
    from django.conf import settings
    from django.core.management import call_command
    from django.db import DatabaseError, connections

    from events.event_types import sync_event_catalog
    from switera_webhooks.run.demo import ensure_demo, ensure_receiver
    from webhooks.destinations.refusals import UrlRefused

    kept = settings.VAR_DIR / "demo.json"
    try:
        call_command("migrate", verbosity=0, interactive=False)
        sync_event_catalog()
        demo = ensure_demo(kept)
        try:
            return demo, ensure_receiver(kept, demo, receiver_url)
        except UrlRefused as refusal:
            _say(f"The sample receiver {receiver_url} gets nothing, its URL is refused: {refusal.message}")
            return demo, None
    except DatabaseError as error:
        reason = str(error).partition("\n")[0]
        raise CannotRun(f"The database did not answer as it should ({reason}): check DATABASE_URL.") from error
    finally:
        connections.close_all()


def _start(processes: Processes, port: int, receiver_port: int, secret: str | None) -> None:
    from django.conf import settings

    receiver = ["manage.py", "listen", "--port", str(receiver_port)]
    if secret is None:
        processes.start("receiver", receiver)
    else:
        processes.start("receiver", [*receiver, "--secret", "-"], standard_input=f"{secret}\n")
    gunicorn = ["-m", "gunicorn", "-c", "python:switera_webhooks.gunicorn_conf", "--log-level", "warning"]
    processes.start("web server", [*gunicorn, "--bind", f"{HOST}:{port}", "switera_webhooks.wsgi"])
    if settings.CELERY_EMBEDDED:
        return
    # Celery warns root of pickle; this worker reads JSON alone.
    silent = ["-W", "ignore:You're running the worker with superuser privileges"]
    celery = [*silent, "-m", "celery", "--quiet", "-A", "switera_webhooks.celery"]
    lean = ["--without-gossip", "--without-mingle"]
    worker = ["worker", "--pool", "prefork", "--concurrency", "2", *lean, "--loglevel", "warning"]
    processes.start("worker", [*celery, *worker], quiet=True)
    processes.start("scheduler", [*celery, "beat", "--loglevel", "warning"], quiet=True)


def _wait_for_web(processes: Processes, port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        processes.check()
        try:
            with closing(HTTPConnection(HOST, port, timeout=5)) as connection:
                connection.request("GET", "/livez")
                connection.getresponse().read()
                return
        except (OSError, HTTPException):
            time.sleep(0.05)
    raise CannotRun(f"The web server did not answer within {math.ceil(START_SECONDS)} s.")


def _banner(port: int, demo: "Demo") -> str:
    from django.conf import settings

    from switera_webhooks.run.demo import EVENT_TYPE, EXAMPLE

    base = f"http://{HOST}:{port}"
    body = json.dumps({"type": EVENT_TYPE, "data": EXAMPLE})
    curl = " ".join(
        shlex.quote(part)
        for part in (
            "curl",
            f"{base}/api/v1/apps/{demo.app_id}/events",
            "-H",
            f"Authorization: Bearer {demo.live_key}",
            "-H",
            "Content-Type: application/json",
            "-d",
            body,
        )
    )
    database = settings.DATABASES["default"]["ENGINE"].rpartition(".")[2]
    broker = "embedded" if settings.CELERY_EMBEDDED else settings.CELERY_BROKER_URL.partition(":")[0]
    return f"""
Switera Webhooks runs on {base} (database: {database}, broker: {broker}). Ctrl-C ends it.

  Sign in    {base}/accounts/login/   {demo.username} / {demo.password}
  API        {base}/api/docs/
  App        {demo.app_id}
  Live key   {demo.live_key}
  Test key   {demo.test_key}

Emit an event, and see it arrive below:

  {curl}
"""


if __name__ == "__main__":
    sys.exit(main())
