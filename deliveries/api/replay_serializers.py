"""Replays as the REST API takes and shows them (product.md section 6)."""

import dataclasses
from typing import Any

from rest_framework import serializers

from deliveries.api.serializers import ErrorCodeField
from deliveries.delivery_filter import DeliveryFilter
from deliveries.models import Replay, ReplayKind, ReplayStatus
from events.api.serializers import EventTypeNameField
from switera_webhooks.api.fields import FlagField, IdField, TextField, TimeField, WholeNumberField
from switera_webhooks.environments import Environment
from switera_webhooks.ids import Prefix

# Those that a key may ask for; a command may also try again what succeeded or was canceled.
KINDS = [(kind.value, kind.label) for kind in (ReplayKind.FAILED, ReplayKind.MISSING, ReplayKind.ALL)]
# They are stored as they are shown; `status` is the job's own.
_FILTERS = {field.name for field in dataclasses.fields(DeliveryFilter)} - {"status"}


class StartReplaySerializer(serializers.Serializer[Any]):
    """What to send again, to one endpoint."""

    endpoint_id = IdField(Prefix.ENDPOINT)
    kind = serializers.ChoiceField(
        KINDS,
        help_text="`failed`: its deliveries that failed. `missing`: events that it is subscribed to now and has no "
        "delivery of. `all`: both, and what succeeded or was canceled.",
    )
    after = TimeField(
        required=False,
        allow_null=True,
        help_text="`failed`: deliveries created after this time. `missing`, `all`: events emitted after it.",
    )
    before = TimeField(
        required=False,
        allow_null=True,
        help_text="The same before this time (not at it); the time of the request at most.",
    )
    event_type = EventTypeNameField(required=False, allow_null=True)


class ReplaySerializer(serializers.Serializer[Replay]):
    """A job that sends many deliveries again."""

    id = IdField(Prefix.JOB)
    kind = serializers.ChoiceField(ReplayKind.choices)
    environment = serializers.ChoiceField(Environment.choices)
    endpoint_id = IdField(Prefix.ENDPOINT, allow_null=True, help_text="Null where it is of all endpoints.")
    event_type = TextField(allow_null=True)
    event_id = IdField(Prefix.EVENT, allow_null=True)
    organization_id = IdField(Prefix.ORGANIZATION, allow_null=True)
    response_status = WholeNumberField(allow_null=True)
    error_code = ErrorCodeField()
    test = FlagField(allow_null=True, help_text="Test sends alone, or all but those.")
    after = TimeField(allow_null=True)
    before = TimeField(help_text="The end of its window, when it was started at the latest.")
    status = serializers.ChoiceField(
        ReplayStatus.choices, help_text="`failed`: something failed on our side; starting it again is safe."
    )
    count = WholeNumberField(help_text="Deliveries that it found when it was started.")
    progress = WholeNumberField(help_text="How many of them it has come to: those retried, created and skipped.")
    retried = WholeNumberField(help_text="Made pending again.")
    created = WholeNumberField(help_text="Made for events that the endpoint had no delivery of.")
    skipped = WholeNumberField(help_text="Being sent or due already, or no longer what they were when it was started.")
    created_at = TimeField()
    finished_at = TimeField(allow_null=True)

    def to_representation(self, replay: Replay) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for name, field in self.fields.items():
            if name in _FILTERS:
                shown[name] = replay.filters.get(name)
            else:
                value = getattr(replay, name)
                shown[name] = None if value is None else field.to_representation(value)
        return shown
