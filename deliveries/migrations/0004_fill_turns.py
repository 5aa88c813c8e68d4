"""What waits gets its turn, and its lane the moments from which it waits."""

from typing import Any

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Min, OuterRef, Subquery

URGENT, FRESH, RETRY = 0, 1, 2


def forwards(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    # As they were then; a checker of types knows them as they are now.
    Delivery: Any = apps.get_model("deliveries", "Delivery")
    Lane: Any = apps.get_model("deliveries", "Lane")
    Delivery.objects.filter(test=True).update(turn=URGENT)
    pending = Delivery.objects.filter(status="pending")
    pending.filter(test=False, attempt_count__gt=0).update(turn=RETRY)
    earliest = pending.filter(endpoint=OuterRef("pk")).order_by().values("endpoint").annotate(at=Min("due_at"))
    Lane.objects.filter(wake_at__isnull=False).update(
        urgent_from=Subquery(earliest.filter(turn=URGENT).values("at")),
        fresh_from=Subquery(earliest.filter(turn=FRESH).values("at")),
        retry_from=Subquery(earliest.filter(turn=RETRY).values("at")),
    )


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0003_turns_and_breaker")]
    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
