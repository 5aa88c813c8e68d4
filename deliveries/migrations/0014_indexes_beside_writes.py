"""Indexes that came after their table, which may be big by then. Older migrations added them: what is there stays."""

from django.db import migrations, models
from django.db.models import Q

from switera_webhooks.big_indexes import AddIndexBesideWrites


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("deliveries", "0013_who_started_replays")]
    operations = [
        AddIndexBesideWrites(
            "delivery",
            models.Index(fields=["endpoint", "turn", "due_at"], condition=Q(status="pending"), name="delivery_due"),
        ),
        AddIndexBesideWrites(
            "delivery",
            models.Index(fields=["app", "environment", "-id"], condition=Q(status="failed"), name="delivery_failed"),
        ),
    ]
