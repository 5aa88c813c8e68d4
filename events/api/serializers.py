"""Events and event types as the REST API shows and takes them (product.md section 6, "Shapes")."""

import json
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from events.catalog.json_values import holds_nul
from events.models import Event, EventType
from switera_webhooks.api.fields import FlagField, IdField, TextField, TimeField
from switera_webhooks.api.pagination import ListQuery
from switera_webhooks.environments import Environment
from switera_webhooks.ids import Prefix, to_public_id
from switera_webhooks.times import iso

_NAME = r"\A[a-z0-9_]+(\.[a-z0-9_]+)+\Z"


class EventSerializer(serializers.Serializer[Event]):
    """One thing that happened, as emitted."""

    id = IdField(Prefix.EVENT)
    type = TextField()
    data = serializers.DictField()  # type: ignore[assignment]  # (a declared field hides no attribute)
    timestamp = TimeField(help_text="When it occurred.")
    environment = serializers.ChoiceField(Environment.choices)
    organization_id = IdField(Prefix.ORGANIZATION, allow_null=True)
    test = FlagField(help_text="A test send.")
    created_at = TimeField(help_text="When it was emitted.")

    def to_representation(self, event: Event) -> dict[str, Any]:
        return {**_facts(event), "data": event.data}


def event_text(event: Event) -> str:
    """The event as EventSerializer shows it, as JSON: every emit answers with it, and its data is JSON already."""
    before, after = _encode(_facts(event)).split('"data":null', 1)
    return f'{before}"data":{event.data_text}{after}'


def _facts(event: Event) -> dict[str, Any]:
    organization_id = event.organization_id
    return {
        "id": event.public_id,
        "type": event.type,
        "data": None,
        "timestamp": iso(event.occurred_at),
        "environment": event.environment,
        "organization_id": organization_id and to_public_id(Prefix.ORGANIZATION, organization_id),
        "test": event.test,
        "created_at": iso(event.created_at),
    }


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class EmitSerializer(serializers.Serializer[Any]):
    """An event to emit."""

    type = TextField(max_length=128, help_text="A type of the app's own; built-in ones are the product's.")
    data = serializers.DictField(  # type: ignore[assignment]
        help_text="What receivers get as `data`; it must fit the type's schema."
    )
    idempotency_key = TextField(
        required=False,
        allow_null=True,
        max_length=255,
        help_text="The same key with the same event gives that event again, for 24 hours at least.",
    )
    timestamp = TimeField(required=False, allow_null=True, help_text="When it occurred; now by default.")
    organization_id = IdField(Prefix.ORGANIZATION, required=False, allow_null=True, help_text="Whom it concerns.")


class BatchSerializer(serializers.Serializer[Any]):
    """Events to emit, all or none."""

    events = serializers.ListField(child=EmitSerializer(), min_length=1, max_length=1_000)


class PlatformEmitSerializer(EmitSerializer):
    """An event to emit with the platform key."""

    app_id = IdField(Prefix.APP, help_text="The app whose event it is.")
    environment = serializers.ChoiceField(Environment.choices)
    type = TextField(max_length=128, help_text="A built-in type.")


class PlatformBatchSerializer(serializers.Serializer[Any]):
    """Events to emit with the platform key, all or none; of as many apps as may be."""

    events = serializers.ListField(child=PlatformEmitSerializer(), min_length=1, max_length=1_000)


class EmittedBatchSerializer(serializers.Serializer[Any]):
    """The events of a batch, in the order they were given."""

    events = serializers.ListField(child=EventSerializer())


@extend_schema_field(OpenApiTypes.ANY)
class JSONValueField(serializers.JSONField):
    """Any JSON that PostgreSQL can hold: it refuses U+0000."""

    default_error_messages = {"nul": "Remove the character U+0000."}

    def to_internal_value(self, data: Any) -> Any:
        if holds_nul(data):
            self.fail("nul")
        return data


class EventTypeSerializer(serializers.Serializer[EventType]):
    """A name that an endpoint can subscribe to."""

    name = TextField()
    family = TextField(help_text="The part of the name before the first dot.")
    description = TextField()
    schema = JSONValueField(allow_null=True, help_text="JSON Schema (draft 2020-12) of an event's `data`.")
    example = JSONValueField(allow_null=True, help_text="A `data` that the schema accepts.")
    built_in = FlagField(help_text="The product's own: read-only, and not to be emitted with a key.")
    deprecated = FlagField()


class NewEventTypeSerializer(serializers.Serializer[Any]):
    """An event type to define."""

    name = TextField(help_text="`family.resource.past_tense`: lower-case words joined by dots, 128 at most.")
    description = TextField(required=False, default="", allow_blank=True, max_length=2_000)
    schema = JSONValueField(required=False, default=None, allow_null=True, help_text="JSON Schema of `data`.")
    example = JSONValueField(required=False, default=None, allow_null=True)


class EventTypeChangesSerializer(serializers.Serializer[Any]):
    """What can be changed of an event type."""

    description = TextField(allow_blank=True, max_length=2_000)
    schema = JSONValueField(allow_null=True, help_text="JSON Schema of `data`.")
    example = JSONValueField(allow_null=True)
    deprecated = FlagField()


class EventTypeNameField(serializers.RegexField):
    """A filter by the name of an event type; one that is not in the catalog finds nothing."""

    default_error_messages = {"invalid": "Give the name of an event type, such as order.paid."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(_NAME, max_length=128, trim_whitespace=False, **kwargs)


class EventQuery(ListQuery):
    """Filters of the list of events."""

    type = EventTypeNameField(required=False)
    organization_id = IdField(Prefix.ORGANIZATION, required=False, help_text="Of this organization.")
    after = TimeField(required=False, help_text="Emitted after this time (not at it).")
    before = TimeField(required=False, help_text="Emitted before this time (not at it).")
