"""What the tests of the Event Catalog share: a schema, what a page holds, and what is on record."""

from typing import Any

from django.test import Client

from webhooks.models import AuditEntry

SCHEMA = '{"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}'


def text_of(client: Client, path: str, **headers: str) -> str:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def audited(action: str) -> list[dict[str, Any]]:
    entries = AuditEntry.objects.filter(action=action, actor_type="builder").order_by("pk")
    return [entry.changes for entry in entries]
