"""The Celery app of the project: `celery --app benchmarks.rival.worker`."""

import os

import django
from celery import Celery

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.rival.settings"
app = Celery("rival", set_as_current=True)
app.set_default()
app.conf.update(
    broker_url=os.environ["RIVAL_BROKER"],
    task_default_queue=os.environ["RIVAL_QUEUE"],
    task_ignore_result=True,
    worker_hijack_root_logger=False,
    # As Celery's documentation asks of busy workers; without, every task makes a connection.
    CELERY_DB_REUSE_MAX=1_000_000,
)
django.setup()
app.autodiscover_tasks(["django_webhook"], force=True)
