"""The scheduler as a process of its own: it ends at the first signal, quietly, however many there are."""

import os
import signal
import subprocess
import sys

import pytest

from switera_webhooks.settings import BASE_DIR

# What `celery beat` does before its loop: its own handlers, then the signal `beat_init`.
SCHEDULER = """
import time
from celery.apps.beat import Beat
from celery.signals import beat_init
from switera_webhooks.celery import app

class Service:
    def sync(self):
        print("ending", flush=True)

Beat(app=app).install_sync_handler(Service())
beat_init.send(sender=None)
print("started", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_once_and_without_a_traceback_however_often_it_is_told(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCHEDULER],
        cwd=BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as scheduler:
        assert scheduler.stdout is not None
        assert scheduler.stdout.readline() == "started\n"
        while scheduler.poll() is None:
            scheduler.send_signal(number)
        told, errors = scheduler.communicate()

    assert (scheduler.returncode, told, errors) == (0, "ending\n", "")
