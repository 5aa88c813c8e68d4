from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import migrations
from django.db.models import F, Min
from django.utils import timezone


def mark_emitted_types(apps: Any, schema_editor: Any) -> None:
    """From the events on record, read once; and all types that are older than retention keeps these.

    Whether an older type was ever emitted nobody can tell any more. One that was must never be deleted, so it counts.
    """
    event = apps.get_model("events", "Event")
    event_type = apps.get_model("events", "EventType")
    emitted = event.objects.filter(test=False).order_by().values("app", "type").annotate(first=Min("created_at"))
    for row in list(emitted):
        event_type.objects.filter(app=row["app"], name=row["type"]).update(first_emitted_at=row["first"])
    kept_since = timezone.now() - timedelta(days=settings.WEBHOOKS_RETENTION_DAYS)
    older = event_type.objects.filter(first_emitted_at=None, created_at__lt=kept_since).exclude(app=None)
    older.update(first_emitted_at=F("created_at"))


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0006_event_type_first_emitted"),
    ]

    operations = [
        migrations.RunPython(mark_emitted_types, migrations.RunPython.noop),
    ]
