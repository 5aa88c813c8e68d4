"""REST: emitting events and reading them."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from events import emit_rate
from events.api.emit_requests import emit_request, emit_requests
from events.api.serializers import (
    BatchSerializer,
    EmitSerializer,
    EmittedBatchSerializer,
    EventQuery,
    EventSerializer,
    event_text,
)
from events.emit import emit, emit_batch
from events.models import Event
from switera_webhooks.api.errors import invalid_fields
from switera_webhooks.api.openapi import answers, path_parameter
from switera_webhooks.api.pagination import page_of, paginate
from switera_webhooks.api.views import EncodedJSON, body_object, validated_query
from switera_webhooks.ids import Prefix
from switera_webhooks.time_filters import created_between
from webhooks.api.app_view import AppView, one_of

_SHAPE = EventSerializer()
_EXAMPLE = {"type": "order.paid", "data": {"order_id": "ord_1042", "amount": 4900, "currency": "EUR"}}
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, description="Serves like the field `idempotency_key`."
)


def header_key(request: Request) -> str | None:
    """What the Idempotency-Key header says."""
    return cast("str | None", request.META.get("HTTP_IDEMPOTENCY_KEY"))


def batch_body(request: Request) -> Mapping[str, Any]:
    """The body of a batch. Raises InvalidInput where it is no object, or the header names one key for all of it."""
    if header_key(request) is not None:
        raise invalid_fields({"idempotency_key": ["Give each event of a batch its own, not a header."]})
    return body_object(request)


def event_answer(event: Event) -> Response:
    """202 with the event."""
    return Response(EncodedJSON(event_text(event).encode()), status=202)


def batch_answer(events: Sequence[Event]) -> Response:
    """202 with the events."""
    text = f'{{"events":[{",".join(map(event_text, events))}]}}'
    return Response(EncodedJSON(text.encode()), status=202)


class _EventsOfKey(AppView):
    def events(self) -> QuerySet[Event]:
        return Event.objects.filter(app=self.app, environment=self.environment)


class EventsView(_EventsOfKey):
    @extend_schema(
        operation_id="emit_event",
        summary="Emit an event",
        description="Answers once the event is committed; from then on it reaches every subscribed endpoint. "
        "The same idempotency key with the same event gives that event again; with another one, 409.",
        tags=["Events"],
        parameters=[IDEMPOTENCY_KEY],
        request=EmitSerializer,
        responses=answers({202: EventSerializer}, 400, 403, 409, 413, 415, 429),
        examples=[OpenApiExample("An order was paid", _EXAMPLE, request_only=True)],
    )
    def post(self, request: Request, app: str) -> Response:
        asked = emit_request(request.data, header_key(request))
        emit_rate.take(self.app, 1)
        event = emit(
            self.app,
            asked.type,
            asked.data,
            environment=self.environment,
            organization_id=asked.organization_id,
            timestamp=asked.timestamp,
            idempotency_key=asked.idempotency_key,
            builders_only=True,
        )
        return event_answer(event)

    @extend_schema(
        operation_id="list_events",
        summary="List events, newest first",
        description="Those of the key's environment, test sends included.",
        tags=["Events"],
        parameters=[EventQuery],
        responses=answers({200: page_of("EventList", EventSerializer())}, 400),
    )
    def get(self, request: Request, app: str) -> Response:
        query = validated_query(EventQuery, request)
        events = created_between(self.events(), query.get("after"), query.get("before"))
        equal = {name: query[name] for name in ("type", "organization_id") if name in query}
        return Response(paginate(events.filter(**equal), query, order="-id").answer(_SHAPE))


class EventBatchView(_EventsOfKey):
    @extend_schema(
        operation_id="emit_event_batch",
        summary="Emit up to 1,000 events, all or none",
        description="Each event may have its own `idempotency_key`; the header Idempotency-Key is refused here.",
        tags=["Events"],
        request=BatchSerializer,
        responses=answers({202: EmittedBatchSerializer}, 400, 403, 409, 413, 415, 429),
        examples=[OpenApiExample("Two orders", {"events": [_EXAMPLE, _EXAMPLE]}, request_only=True)],
    )
    def post(self, request: Request, app: str) -> Response:
        asked = emit_requests(batch_body(request), emit_request)
        emit_rate.take(self.app, len(asked))
        events = emit_batch(self.app, self.environment, asked, builders_only=True)
        return batch_answer(events)


class EventView(_EventsOfKey):
    @extend_schema(
        operation_id="get_event",
        summary="Read an event",
        description="As it was emitted.",
        tags=["Events"],
        parameters=[path_parameter("id", "The event's id, `evt_…`.")],
        responses=answers({200: EventSerializer}),
    )
    def get(self, request: Request, app: str, id: str) -> Response:
        return Response(_SHAPE.to_representation(one_of(self.events(), Prefix.EVENT, id)))
