"""Indexes that came after their table, which may be big by then. Older migrations added them: what is there stays."""

from django.db import migrations, models
from django.db.models import Q

from switera_webhooks.big_indexes import AddIndexBesideWrites


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("events", "0007_fill_first_emitted")]
    operations = [
        AddIndexBesideWrites(
            "event", models.Index(fields=["app", "id"], condition=Q(dispatched_at=None), name="event_undispatched")
        ),
        AddIndexBesideWrites(
            "event",
            models.Index(
                fields=["organization", "environment", "-id"],
                condition=Q(organization__isnull=False),
                name="event_of_organization",
            ),
        ),
    ]
