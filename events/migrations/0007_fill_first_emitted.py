from typing import Any

from django.db import migrations
from django.db.models import Min


def mark_emitted_types(apps: Any, schema_editor: Any) -> None:
    """From the events on record, read once."""
    event = apps.get_model("events", "Event")
    event_type = apps.get_model("events", "EventType")
    emitted = event.objects.filter(test=False).order_by().values("app", "type").annotate(first=Min("created_at"))
    for row in list(emitted):
        event_type.objects.filter(app=row["app"], name=row["type"]).update(first_emitted_at=row["first"])


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0006_event_type_first_emitted'),
    ]

    operations = [
        migrations.RunPython(mark_emitted_types, migrations.RunPython.noop),
    ]
