"""Older entries about what is of the test environment; where that is gone, they stay in live."""

from collections.abc import Iterable
from typing import Any

from django.db import migrations

from switera_webhooks.ids import Prefix, from_public_id

# Measured elsewhere: a look-up by 1,000 primary keys takes some milliseconds.
_BATCH = 1_000
_TARGETS = [
    ("endpoint", Prefix.ENDPOINT, "webhooks", "Endpoint"),
    ("api_key", Prefix.API_KEY, "webhooks", "ApiKey"),
    ("delivery", Prefix.DELIVERY, "deliveries", "Delivery"),
    ("replay", Prefix.JOB, "deliveries", "Replay"),
]


def fill(apps: Any, schema_editor: Any) -> None:
    entries = apps.get_model("webhooks", "AuditEntry").objects
    for target_type, prefix, room, model in _TARGETS:
        rows = apps.get_model(room, model).objects
        batch: list[tuple[Any, Any]] = []
        for key, target in entries.filter(target_type=target_type).values_list("pk", "target_id").iterator():
            batch.append((key, from_public_id(prefix, target)))
            if len(batch) == _BATCH:
                _fill(entries, rows, batch)
                batch = []
        _fill(entries, rows, batch)


def _fill(entries: Any, rows: Any, batch: Iterable[tuple[Any, Any]]) -> None:
    of_test = set(rows.filter(pk__in=[target for _, target in batch], environment="test").values_list("pk", flat=True))
    entries.filter(pk__in=[key for key, target in batch if target in of_test]).update(environment="test")


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0003_audit_by_environment"), ("deliveries", "0010_tallies")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop, elidable=True)]
