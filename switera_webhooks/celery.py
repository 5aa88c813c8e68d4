"""The shared Celery app. Messages say only "there is work"; rows in the database are the queue."""

import os
import signal
import sys
import threading
from types import FrameType

from celery import Celery
from celery.schedules import crontab
from celery.signals import beat_init, celeryd_init
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from switera_webhooks.checks import refuse_incomplete_settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "switera_webhooks.settings")
# Celery would have a worker run Django's checks and forget what they say; they load every view and template tag, 19 MB.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

DRAIN_TASK = "deliveries.drain"
SWEEP_TASK = "deliveries.sweep"
PRUNE_TASK = "deliveries.prune"
REPLAY_TASK = "deliveries.replay"
TALLY_TASK = "deliveries.tally"
DELETE_TASK = "deliveries.delete_apps"
EXPIRE_INVITATIONS_TASK = "webhooks.expire_invitations"

app = Celery("switera_webhooks")


def _broker_options() -> dict[str, object]:
    if settings.CELERY_EMBEDDED:
        # In-memory broker: kombu looks for messages this often (measured: p50 495 ms by default, 10 ms so).
        return {"polling_interval": 0.01}
    if settings.CELERY_BROKER_URL.startswith("redis"):
        # A broker that is down must not hold a publisher for more than a moment (S44).
        return {"socket_connect_timeout": 1, "socket_timeout": 5, "visibility_timeout": 3600}
    return {}


app.conf.update(
    # The in-memory broker has no host; kombu warns unless it gets one.
    broker_url="memory://localhost" if settings.CELERY_EMBEDDED else settings.CELERY_BROKER_URL,
    broker_transport_options=_broker_options(),
    broker_connection_timeout=1,
    broker_connection_retry_on_startup=True,
    # A worker waits for a broker that is away for as long as it takes.
    broker_connection_max_retries=None,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    worker_prefetch_multiplier=1,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    # Keep database connections between tasks: a new one a task costs twice the task (measured 127 -> 278/s).
    # Celery reads this name alone. It keeps a connection that went bad, too: the engine's statements notice it and go
    # on with a new one (`retrying` in deliveries/engine/drain.py), those of the sweep twice a second. A turn of pruning
    # that meets it fails, and the next night's goes on there.
    CELERY_DB_REUSE_MAX=1_000_000,
    enable_utc=True,
    timezone="UTC",
    beat_schedule={
        # The net under everything: due rows whose nudge was lost, leases whose worker died. Twice a second, since an
        # idle system starts a due retry within one.
        "sweep": {"task": SWEEP_TASK, "schedule": 0.5, "options": {"expires": 5}},
        # What the pages' figures are read from. A turn that was missed is made up for by the next.
        "tally": {"task": TALLY_TASK, "schedule": 10.0, "options": {"expires": 10}},
        # Invitations to organizations that have run out.
        "expire-invitations": {"task": EXPIRE_INVITATIONS_TASK, "schedule": 60.0, "options": {"expires": 60}},
        # What is past retention, at night (UTC); the task asks for its own continuation. A night without a scheduler or
        # worker is made up for by the next.
        "prune": {"task": PRUNE_TASK, "schedule": crontab(hour="3", minute="17"), "options": {"expires": 3600}},
    },
    beat_scheduler="celery.beat:Scheduler",  # in memory: no schedule file that a kill -9 leaves behind
    beat_max_loop_interval=0.5,
)
app.autodiscover_tasks(["deliveries", "webhooks"])


@beat_init.connect
def _end_once(**_: object) -> None:
    """The first SIGTERM or SIGINT ends the scheduler, those after it do nothing.

    Celery's own handler raises SystemExit each time: a second signal (a terminal's Ctrl-C goes to the whole group, and
    a supervisor passes it on) would meet the interpreter in its last steps, and end it with a traceback.
    """
    if threading.current_thread() is not threading.main_thread():  # the embedded scheduler: the web process ends it
        return
    numbers = (signal.SIGTERM, signal.SIGINT)
    end = signal.getsignal(signal.SIGTERM)

    def once(number: int, frame: FrameType | None) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        if callable(end):
            end(number, frame)

    for each in numbers:
        signal.signal(each, once)


@celeryd_init.connect
@beat_init.connect
def _refuse_incomplete_settings(**_: object) -> None:
    try:
        refuse_incomplete_settings()
    except ImproperlyConfigured as error:
        sys.exit(f"Settings: {error}")
