"""Audit entries as the REST API shows them (product.md section 6, "Shapes")."""

from typing import Any

from rest_framework import serializers

from switera_webhooks.api.fields import IdField, TextField, TimeField
from switera_webhooks.api.pagination import ListQuery
from switera_webhooks.ids import Prefix
from webhooks.api.audit_files import AuditFileFormat
from webhooks.audit import ActorType
from webhooks.models import AuditEntry


class AuditActorSerializer(serializers.Serializer[AuditEntry]):
    """Who did it."""

    type = serializers.ChoiceField([(each.value, each.name) for each in ActorType], source="actor_type")
    id = TextField(source="actor_id", help_text="Of the Builder or the key; empty for a command and for the system.")
    name = TextField(source="actor_name", help_text="A username, a masked key, or a command.")


class AuditTargetSerializer(serializers.Serializer[AuditEntry]):
    """What it was done to."""

    type = TextField(source="target_type", help_text="Such as `endpoint`, `delivery`, `api_key` or `user`.")
    id = TextField(source="target_id")
    name = TextField(source="target_name")


class AuditEntrySerializer(serializers.Serializer[AuditEntry]):
    """Who did what to which object."""

    id = IdField(Prefix.AUDIT_ENTRY)
    action = TextField(help_text="Such as `endpoint.updated`.")
    actor = AuditActorSerializer(source="*")
    target = AuditTargetSerializer(source="*")
    changes = serializers.DictField(help_text="`{field: [before, after]}`, and plain facts; secrets are redacted.")
    ip = TextField(allow_null=True, help_text="The address that it was done from, where there is one.")
    created_at = TimeField()


class AuditFilterQuery(serializers.Serializer[Any]):
    """Filters of the audit log."""

    action = serializers.CharField(required=False, max_length=64, help_text="Such as `endpoint.updated`.")
    actor = serializers.CharField(
        required=False,
        max_length=64,
        help_text="An actor's id, as entries have it; or `command` or `system`, which have none.",
    )
    after = TimeField(required=False, help_text="Done after this time (not at it).")
    before = TimeField(required=False, help_text="Done before this time (not at it).")


class AuditQuery(AuditFilterQuery, ListQuery):
    """Query parameters of the audit log."""


class AuditExportQuery(AuditFilterQuery):
    """Query parameters of its export."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """With `as`, which Python keeps for itself."""
        return {**super().get_fields(), "as": serializers.ChoiceField(list(AuditFileFormat), default="csv")}
