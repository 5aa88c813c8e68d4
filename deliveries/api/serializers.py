"""Deliveries and attempts as the REST API shows them (product.md section 6, "Shapes")."""

from typing import Any

from django.db.models import Prefetch, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from deliveries.delivery_rows import is_held, next_attempt_at
from deliveries.error_codes import ErrorCode
from deliveries.models import Attempt, AttemptStatus, Delivery, DeliveryStatus
from events.api.serializers import EventTypeNameField
from switera_webhooks.api.fields import (
    FlagField,
    IdField,
    QueryFlagField,
    QueryWholeNumberField,
    TextField,
    TimeField,
    WholeNumberField,
)
from switera_webhooks.api.pagination import ListQuery
from switera_webhooks.environments import Environment
from switera_webhooks.ids import Prefix
from switera_webhooks.times import iso


@extend_schema_field(OpenApiTypes.STR)
class TextOrNullField(serializers.Field[str, str, str | None, str]):
    """Text that is null where there is none."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_null=True, **kwargs)

    def to_representation(self, value: str) -> str | None:
        return value or None


class ErrorCodeField(serializers.ChoiceField):
    """Why an attempt failed; null where none did."""

    def __init__(self, **kwargs: Any) -> None:
        choices = [(code.value, code.sentence) for code in ErrorCode]
        super().__init__(choices, allow_null=True, **kwargs)

    def to_representation(self, value: Any) -> Any:
        return value or None


class AttemptSerializer(serializers.Serializer[Attempt]):
    """One HTTP request of a delivery, and what came back."""

    id = IdField(Prefix.ATTEMPT)
    number = WholeNumberField(help_text="Goes on when a delivery is retried by hand.")
    status = serializers.ChoiceField(AttemptStatus.choices)
    started_at = TimeField()
    duration_ms = WholeNumberField()
    response_status = WholeNumberField(allow_null=True)
    response_headers = serializers.SerializerMethodField(help_text="Those of one name are joined by a comma.")
    response_body = TextOrNullField(help_text="16 KiB at most.")
    response_truncated = FlagField(help_text="The body was longer than what is kept.")
    error_code = ErrorCodeField()
    error = TextOrNullField(help_text="What went wrong, for people.")

    def get_response_headers(self, attempt: Attempt) -> dict[str, str] | None:
        if attempt.response_headers is None:
            return None
        headers: dict[str, str] = {}
        for name, value in attempt.response_headers:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return headers


class DeliverySerializer(serializers.Serializer[Delivery]):
    """One event on its way to one endpoint; a row of `deliveries_to_show`."""

    id = IdField(Prefix.DELIVERY)
    event_id = IdField(Prefix.EVENT)
    event_type = TextField()
    endpoint_id = IdField(Prefix.ENDPOINT)
    environment = serializers.ChoiceField(Environment.choices)
    test = FlagField(help_text="A test send.")
    status = serializers.ChoiceField(DeliveryStatus.choices)
    attempt_count = WholeNumberField()
    response_status = WholeNumberField(allow_null=True, help_text="Of the last attempt.")
    error_code = ErrorCodeField(help_text="Of the last attempt.")
    error = TextOrNullField(help_text="What went wrong at the last attempt, for people.")
    held = serializers.SerializerMethodField(help_text="Waits for its endpoint to be enabled.")
    next_attempt_at = serializers.SerializerMethodField(
        help_text="Null while held, and where none is due. Not before the endpoint's circuit breaker lets one through, "
        "nor within a pause that it asked for; test sends and retries by hand go out in spite of both."
    )
    last_attempt_at = TimeField(allow_null=True)
    created_at = TimeField()

    def get_held(self, delivery: Any) -> bool:
        return is_held(delivery)

    @extend_schema_field(TimeField(allow_null=True))
    def get_next_attempt_at(self, delivery: Any) -> str | None:
        moment = next_attempt_at(delivery)
        return None if moment is None else iso(moment)


class DeliveryWithAttemptsSerializer(DeliverySerializer):
    """A delivery with its attempts, oldest first."""

    attempts = AttemptSerializer(many=True)


class DeliveryQuery(ListQuery):
    """Filters of the list of deliveries."""

    status = serializers.ChoiceField(DeliveryStatus.choices, required=False)
    endpoint_id = IdField(Prefix.ENDPOINT, required=False)
    event_type = EventTypeNameField(required=False)
    event_id = IdField(Prefix.EVENT, required=False)
    response_status = QueryWholeNumberField(
        required=False, min_value=100, max_value=999, help_text="HTTP status of the last attempt."
    )
    test = QueryFlagField(required=False, help_text="Test sends alone, or all but those.")
    after = TimeField(required=False, help_text="Created after this time (not at it).")
    before = TimeField(required=False, help_text="Created before this time (not at it).")


def with_attempts(deliveries: QuerySet[Any]) -> QuerySet[Any]:
    """Rows for DeliveryWithAttemptsSerializer."""
    return deliveries.prefetch_related(Prefetch("attempts", Attempt.objects.order_by("number")))
