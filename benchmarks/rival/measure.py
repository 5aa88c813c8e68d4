"""Deliveries a second by django-webhook, a task each."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
import redis
from celery import Celery
from psycopg.conninfo import conninfo_to_dict

from benchmarks.meter import TookTooLong
from benchmarks.processes import Processes
from benchmarks.product import worker_command
from benchmarks.stack import ROOT, Stack

# As the package index has it; what it needs besides is among our own packages.
PACKAGES = ("django-webhook==0.0.15", "django-model-utils==4.5.1")
DIRECTORY = ROOT / "var" / "benchmarks" / "django-webhook"
_DATABASE = "rival"
_QUEUE = "rival"
_STAGED = "rival-staged"
_SENT = "select count(*) from django_webhook_webhookevent where status = 'SUCCESS'"
ROUND_SECONDS = 120.0


class Rival:
    """The project on a database of its own beside the product's."""

    def __init__(self, stack: Stack, urls: Sequence[str]) -> None:
        self._stack = stack
        self._urls = urls
        _install()
        parts = conninfo_to_dict(stack.database_url)
        with psycopg.connect(stack.database_url, autocommit=True) as connection:
            connection.execute(f"create database {_DATABASE}")
        names = {"USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
        settings = {name: parts[key] for name, key in names.items()}
        self._database_url = psycopg.conninfo.make_conninfo(stack.database_url, dbname=_DATABASE)
        self._environment = {
            "PATH": stack.environment["PATH"],
            "HOME": str(stack.directory),
            "LANG": "C.UTF-8",
            # The package reads its topics while Django starts, and Django says that one should not.
            "PYTHONWARNINGS": "ignore",
            "PYTHONPATH": str(DIRECTORY),
            "DJANGO_SETTINGS_MODULE": "benchmarks.rival.settings",
            "RIVAL_DATABASE": json.dumps({"ENGINE": "django.db.backends.postgresql", "NAME": _DATABASE, **settings}),
            "RIVAL_BROKER": stack.broker_url,
            "RIVAL_QUEUE": _QUEUE,
        }
        self._python("django", "migrate", "--run-syncdb", "--verbosity", "0")

    def _python(self, *arguments: str, queue: str = _QUEUE) -> None:
        environment = {**self._environment, "RIVAL_QUEUE": queue}
        command = [sys.executable, "-m", *arguments]
        subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, timeout=120, check=True)

    def rate(self, deliveries: int) -> float:
        """Deliveries a second; all are in the broker before the clock runs. Raises TookTooLong."""
        with self._worker(), psycopg.connect(self._database_url, autocommit=True) as connection:
            for number in (100, deliveries):
                self._python("benchmarks.rival.save", str(number // len(self._urls)), *self._urls, queue=_STAGED)
                before = _sent(connection)
                with redis.Redis.from_url(self._stack.broker_url) as broker:
                    broker.rename(_STAGED, _QUEUE)
                started = time.monotonic()
                while _sent(connection) < before + number:
                    if time.monotonic() - started > ROUND_SECONDS:
                        raise TookTooLong(f"django-webhook has not sent {number} within {ROUND_SECONDS:.0f} s.")
                    time.sleep(0.05)
                seconds = time.monotonic() - started
        return deliveries / seconds

    @contextmanager
    def _worker(self) -> Iterator[None]:
        command = worker_command("benchmarks.rival.worker", prefetch=4)
        running = Processes({"rival": command}, self._stack.directory, self._environment)
        try:
            running.start()
            broker = Celery(broker=self._stack.broker_url)
            running.wait_for("rival", lambda: bool(broker.control.ping(timeout=0.2)))
            yield
        finally:
            running.kill()


def _sent(connection: psycopg.Connection[tuple[int]]) -> int:
    row = connection.execute(_SENT).fetchone()
    assert row is not None
    return row[0]


def _install() -> None:
    """Into a directory of its own, so that our own environment stays what its requirements say."""
    done = DIRECTORY / "installed"
    if done.exists() and done.read_text() == " ".join(PACKAGES):
        return
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--upgrade"]
    subprocess.run([*pip, "--no-deps", "--target", str(DIRECTORY), *PACKAGES], check=True)
    done.write_text(" ".join(PACKAGES))
