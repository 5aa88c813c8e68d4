"""How an endpoint is doing, as the REST API shows it."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from deliveries.endpoint_stats import EndpointStats
from deliveries.models.lane import BreakerState
from switera_webhooks.api.fields import TimeField, WholeNumberField


@extend_schema_field(OpenApiTypes.DOUBLE)
class ShareField(serializers.Field[float, Any, float, Any]):
    """A number from 0 to 1."""

    def to_representation(self, value: float) -> float:
        return value


class OutcomesSerializer(serializers.Serializer[Any]):
    """What became of the deliveries created within a time, retries by hand and replays included."""

    since = TimeField(help_text="From when on they are counted: later than asked where there are too many.")
    created = WholeNumberField()
    succeeded = WholeNumberField()
    failed = WholeNumberField(help_text="Their last attempt failed.")
    success_rate = ShareField(
        allow_null=True, help_text="From 0 to 1, of those that succeeded or failed; null where none did."
    )


class DeliveryStatsSerializer(serializers.Serializer[Any]):
    """Outcomes of a day and of a week."""

    last_24_hours = OutcomesSerializer()
    last_7_days = OutcomesSerializer()


class PendingSerializer(serializers.Serializer[Any]):
    """Deliveries that wait, each counted once."""

    first_attempt = WholeNumberField()
    retry = WholeNumberField()
    held = WholeNumberField(help_text="Wait for the endpoint to be enabled.")


class ResponseTimesSerializer(serializers.Serializer[Any]):
    """Attempts of the last 24 hours that were answered or timed out."""

    attempts = WholeNumberField(help_text="So many were looked at.")
    p50_ms = WholeNumberField(allow_null=True, help_text="Half of them took no longer.")
    p95_ms = WholeNumberField(allow_null=True, help_text="95 % of them took no longer.")


class CircuitBreakerSerializer(serializers.Serializer[Any]):
    """Whether deliveries are postponed because the endpoint keeps failing."""

    state = serializers.ChoiceField(
        BreakerState.choices,
        help_text="`closed`: deliveries go out. `open`: they wait until `open_until`. `half_open`: one is let through, "
        "and decides. Test sends and retries by hand go out in every state.",
    )
    open_until = TimeField(allow_null=True, help_text="Null unless open.")
    failures_in_a_row = WholeNumberField()


class ConcurrencySerializer(serializers.Serializer[Any]):
    """Requests to the endpoint at the same time."""

    in_flight = WholeNumberField(help_text="Being sent now.")
    limit = WholeNumberField(help_text="Grows while the endpoint answers fast, shrinks when it is slow.")


class EndpointStatsSerializer(serializers.Serializer[Any]):
    """How an endpoint is doing."""

    deliveries = DeliveryStatsSerializer()
    pending = PendingSerializer()
    response_times = ResponseTimesSerializer()
    circuit_breaker = CircuitBreakerSerializer()
    paused_until = TimeField(allow_null=True, help_text="The endpoint asked for a pause with `Retry-After`.")
    failing_since = TimeField(allow_null=True, help_text="Nothing but failures since; null after a success.")
    concurrency = ConcurrencySerializer()

    def to_representation(self, instance: EndpointStats) -> dict[str, Any]:
        lane = instance.lane
        state = lane.breaker
        shown: dict[str, Any] = super().to_representation(
            {
                "deliveries": instance,
                "pending": instance.pending,
                "response_times": instance.response_times,
                "circuit_breaker": {
                    "state": state,
                    # Half-open it is when the delivery let through has to be back.
                    "open_until": lane.open_until if state is BreakerState.OPEN else None,
                    "failures_in_a_row": lane.failures_in_a_row,
                },
                "paused_until": lane.paused_until if lane.paused else None,
                "failing_since": lane.failing_since,
                "concurrency": {"in_flight": lane.in_flight, "limit": lane.cap},
            }
        )
        return shown
