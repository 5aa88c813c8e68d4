"""gunicorn's configuration: `gunicorn -c python:switera_webhooks.gunicorn_conf switera_webhooks.wsgi`.

With the embedded broker the web process also works and schedules. Settings can be overridden on the command line.
"""

import atexit
import gc
import math
import os
import signal
import sys
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from switera_webhooks.checks import refuse_incomplete_settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "switera_webhooks.settings")
try:
    refuse_incomplete_settings()
except ImproperlyConfigured as error:
    sys.exit(f"Settings: {error}")

worker_class = "gthread"
threads = 16
# SQLite and the embedded broker want one process; two use both cores of a small machine.
workers = 1 if settings.CELERY_EMBEDDED else 2
# What is in flight when a process is told to end may take the wall clock of an attempt.
graceful_timeout = math.ceil(settings.WEBHOOKS_TIMEOUT) + 10
# A file that a kill -9 would leave behind, for a tool that is not used here.
control_socket_disable = True


def post_worker_init(worker: Any) -> None:
    # What is there by now stays for good: without this a full collection looks at all of it, in the middle of requests.
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)  # at the end all is looked through once, or SQLite's connections stay open
    # A request makes some thousand objects and leaves hardly a cycle: looking for one after each 700 is too often.
    gc.set_threshold(10_000, 20, 20)
    # A terminal's Ctrl-C reaches worker and master, and the master then sends SIGQUIT, to which gunicorn's answer
    # can deadlock on itself. Here the master alone decides, and every end is a graceful one.
    signal.signal(signal.SIGINT, _ignore)
    signal.signal(signal.SIGQUIT, worker.handle_exit)
    if settings.CELERY_EMBEDDED:
        from switera_webhooks import embedded_worker

        embedded_worker.start()


def worker_exit(server: Any, worker: Any) -> None:
    if settings.CELERY_EMBEDDED:
        from switera_webhooks import embedded_worker

        for number in (signal.SIGQUIT, signal.SIGTERM):
            signal.signal(number, _ignore)
        embedded_worker.stop(settings.WEBHOOKS_TIMEOUT + 5)


def _ignore(*_: object) -> None:
    """Instead of SIG_IGN, with which Python complains of a signal that is just arriving."""
