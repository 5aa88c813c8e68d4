"""REST: the event catalog. Types are shared by both environments; built-in ones are read-only."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from events.api.serializers import EventTypeChangesSerializer, EventTypeSerializer, NewEventTypeSerializer
from events.event_types import (
    create_event_type,
    delete_event_type,
    update_event_type,
    visible_event_types,
)
from events.models import EventType
from switera_webhooks.api.openapi import answers, path_parameter
from switera_webhooks.api.pagination import ListQuery, page_of, paginate
from switera_webhooks.api.views import validated_body, validated_query
from webhooks.api.app_view import AppView

_SHAPE = EventTypeSerializer()
_NAME = path_parameter("name", "The event type's name.")
_EXAMPLE = {
    "name": "order.paid",
    "description": "An order was paid in full.",
    "schema": {
        "type": "object",
        "properties": {"order_id": {"type": "string"}, "amount": {"type": "integer"}},
        "required": ["order_id", "amount"],
    },
    "example": {"order_id": "ord_1042", "amount": 4900},
}


class EventTypesView(AppView):
    @extend_schema(
        operation_id="list_event_types",
        summary="List event types by name",
        description="The built-in types and the app's own.",
        tags=["Event types"],
        parameters=[ListQuery],
        responses=answers({200: page_of("EventTypeList", EventTypeSerializer())}, 400),
    )
    def get(self, request: Request, app: str) -> Response:
        query = validated_query(ListQuery, request)
        return Response(paginate(visible_event_types(self.app), query, order="name").answer(_SHAPE))

    @extend_schema(
        operation_id="create_event_type",
        summary="Define an event type",
        description="From then on it can be emitted and subscribed to, in both environments. Not with a test key.",
        tags=["Event types"],
        request=NewEventTypeSerializer,
        responses=answers({201: EventTypeSerializer}, 400, 403, 409, 413, 415),
        examples=[OpenApiExample("With schema and example", _EXAMPLE, request_only=True)],
    )
    def post(self, request: Request, app: str) -> Response:
        self.may_change_what_is_shared()
        fields = validated_body(NewEventTypeSerializer, request)
        event_type = create_event_type(self.app, **fields, actor=self.actor)
        return Response(_SHAPE.to_representation(event_type), status=201)


class EventTypeView(AppView):
    def event_type(self, name: str) -> EventType:
        """Raises NotFound."""
        found = None if "\0" in name else visible_event_types(self.app).filter(name=name).first()
        if found is None:
            raise NotFound
        return found

    @extend_schema(
        operation_id="get_event_type",
        summary="Read an event type",
        description="A built-in one, or one of the app's own.",
        tags=["Event types"],
        parameters=[_NAME],
        responses=answers({200: EventTypeSerializer}),
    )
    def get(self, request: Request, app: str, name: str) -> Response:
        return Response(_SHAPE.to_representation(self.event_type(name)))

    @extend_schema(
        operation_id="update_event_type",
        summary="Change an event type",
        description="Only the fields that are given change. Once it was emitted, or while an endpoint names it, a "
        "schema only grows: a change that breaks receivers or emitters is refused (409, `breaking_schema_change`) and "
        "says what it breaks. Built-in types are read-only. Not with a test key.",
        tags=["Event types"],
        parameters=[_NAME],
        request=EventTypeChangesSerializer,
        responses=answers({200: EventTypeSerializer}, 400, 403, 409, 413, 415),
    )
    def patch(self, request: Request, app: str, name: str) -> Response:
        self.may_change_what_is_shared()
        event_type = self.event_type(name)
        changes = validated_body(EventTypeChangesSerializer, request, shown=_SHAPE.to_representation(event_type))
        return Response(_SHAPE.to_representation(update_event_type(event_type, changes, self.actor)))

    @extend_schema(
        operation_id="delete_event_type",
        summary="Remove an event type",
        description="Only one that was never emitted and that no endpoint names (409). Not with a test key.",
        tags=["Event types"],
        parameters=[_NAME],
        responses=answers({204: None}, 403, 409),
    )
    def delete(self, request: Request, app: str, name: str) -> Response:
        self.may_change_what_is_shared()
        delete_event_type(self.event_type(name), self.actor)
        return Response(status=204)
