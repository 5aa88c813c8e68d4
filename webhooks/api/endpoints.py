"""REST: endpoints, their secrets, and test sends."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from deliveries.api.serializers import DeliveryWithAttemptsSerializer, with_attempts
from deliveries.delivery_rows import deliveries_to_show
from deliveries.endpoint_facts import with_facts
from deliveries.endpoint_stats import endpoint_stats
from deliveries.endpoints import (
    EndpointFields,
    create_endpoint,
    delete_endpoint,
    disable_endpoint,
    enable_endpoint,
    update_endpoint,
)
from deliveries.models import Delivery
from deliveries.test_send import send_test
from switera_webhooks.api.errors import invalid_fields
from switera_webhooks.api.fields import EmptySerializer
from switera_webhooks.api.openapi import answer_header, answers, path_parameter
from switera_webhooks.api.pagination import ListQuery, page_of, paginate
from switera_webhooks.api.views import validated_body, validated_query
from switera_webhooks.ids import Prefix
from webhooks.api.app_view import AppView, one_of
from webhooks.api.endpoint_serializers import (
    CreatedEndpointSerializer,
    EnableSerializer,
    EndpointFieldsSerializer,
    EndpointSecretSerializer,
    EndpointSerializer,
    RotateSerializer,
    TestSendSerializer,
)
from webhooks.api.endpoint_stats_serializer import EndpointStatsSerializer
from webhooks.models import DisabledReason, Endpoint, Organization
from webhooks.secrets import reveal_secret, rotate_secret

_ID = path_parameter("id", "The endpoint's id, `ep_…`.")
_SHAPE = EndpointSerializer()
_EXAMPLE = OpenApiExample(
    "All orders",
    {"url": "https://hooks.example.com/switera", "event_types": ["order.*"], "name": "Order desk"},
    request_only=True,
)


def _warning(status: int) -> Any:
    return answer_header(
        "switera-warning", status, "What may be wrong with the URL, such as a name that does not resolve now."
    )


class _EndpointsOfKey(AppView):
    def endpoint(self, id: str) -> Endpoint:
        """Raises NotFound."""
        endpoint = one_of(Endpoint.objects.in_scope(self.app, self.environment), Prefix.ENDPOINT, id)
        endpoint.app = self.app
        return endpoint

    def shape(self, endpoint: Endpoint) -> dict[str, Any]:
        """The endpoint as it is now, with what its deliveries tell."""
        return _SHAPE.to_representation(with_facts(Endpoint.objects.filter(pk=endpoint.pk)).get())

    def endpoint_fields(self, shown: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The body in the words of EndpointFields. Raises InvalidInput."""
        values = validated_body(EndpointFieldsSerializer, self.request, shown=shown)
        if "organization_id" in values:
            values["organization"] = self._organization(values.pop("organization_id"))
        return values

    def _organization(self, key: Any) -> Organization | None:
        if key is None:
            return None
        organization = Organization.objects.filter(app=self.app, pk=key).first()
        if organization is None:
            raise invalid_fields({"organization_id": ["No such organization."]})
        return organization


class EndpointsView(_EndpointsOfKey):
    @extend_schema(
        operation_id="list_endpoints",
        summary="List endpoints, newest first",
        description="Those of the key's environment, disabled ones included, deleted ones not.",
        tags=["Endpoints"],
        parameters=[ListQuery],
        responses=answers({200: page_of("EndpointList", EndpointSerializer())}, 400),
    )
    def get(self, request: Request, app: str) -> Response:
        query = validated_query(ListQuery, request)
        endpoints = with_facts(Endpoint.objects.in_scope(self.app, self.environment))
        return Response(paginate(endpoints, query, order="-id").answer(_SHAPE))

    @extend_schema(
        operation_id="create_endpoint",
        summary="Add an endpoint",
        description="The answer holds the endpoint's secret.",
        tags=["Endpoints"],
        parameters=[_warning(201)],
        request=EndpointFieldsSerializer,
        responses=answers({201: CreatedEndpointSerializer}, 400, 413, 415, 429),
        examples=[_EXAMPLE],
    )
    def post(self, request: Request, app: str) -> Response:
        given = EndpointFields(**self.endpoint_fields())
        created = create_endpoint(self.app, self.environment, given, self.actor)
        body = self.shape(created.endpoint) | {"secret": created.secret}
        return Response(body, status=201, headers=_warned(created.warning))


class EndpointView(_EndpointsOfKey):
    @extend_schema(
        operation_id="get_endpoint",
        summary="Read an endpoint",
        description="With its health and the number of deliveries that are held.",
        tags=["Endpoints"],
        parameters=[_ID],
        responses=answers({200: EndpointSerializer}),
    )
    def get(self, request: Request, app: str, id: str) -> Response:
        return Response(self.shape(self.endpoint(id)))

    @extend_schema(
        operation_id="update_endpoint",
        summary="Change an endpoint",
        description="Only the fields that are given change. `enabled: true` releases what is held.",
        tags=["Endpoints"],
        parameters=[_ID, _warning(200)],
        request=EndpointFieldsSerializer,
        responses=answers({200: EndpointSerializer}, 400, 413, 415),
    )
    def patch(self, request: Request, app: str, id: str) -> Response:
        endpoint = self.endpoint(id)
        updated = update_endpoint(endpoint, self.endpoint_fields(self.shape(endpoint)), self.actor)
        return Response(self.shape(updated.endpoint), headers=_warned(updated.warning))

    @extend_schema(
        operation_id="delete_endpoint",
        summary="Delete an endpoint",
        description="Cancels what is pending, erases its secrets, and leaves its history.",
        tags=["Endpoints"],
        parameters=[_ID],
        responses=answers({204: None}),
    )
    def delete(self, request: Request, app: str, id: str) -> Response:
        delete_endpoint(self.endpoint(id), self.actor)
        return Response(status=204)


class SecretView(_EndpointsOfKey):
    @extend_schema(
        operation_id="get_endpoint_secret",
        summary="Reveal an endpoint's secret",
        description="That it was revealed goes into the audit log.",
        tags=["Endpoints"],
        parameters=[_ID],
        responses=answers({200: EndpointSecretSerializer}),
    )
    def get(self, request: Request, app: str, id: str) -> Response:
        return Response({"secret": reveal_secret(self.endpoint(id), self.actor)})


class RotateView(_EndpointsOfKey):
    @extend_schema(
        operation_id="rotate_endpoint_secret",
        summary="Give an endpoint a new secret",
        description="The one before signs beside it for `overlap` seconds.",
        tags=["Endpoints"],
        parameters=[_ID],
        request=RotateSerializer,
        responses=answers({200: EndpointSecretSerializer}, 400, 415),
    )
    def post(self, request: Request, app: str, id: str) -> Response:
        endpoint = self.endpoint(id)
        overlap: int = validated_body(RotateSerializer, request)["overlap"]
        return Response({"secret": rotate_secret(endpoint, overlap, self.actor).text})


class EnableView(_EndpointsOfKey):
    @extend_schema(
        operation_id="enable_endpoint",
        summary="Enable an endpoint",
        description="What was held goes out at the endpoint's rate limit, or is canceled.",
        tags=["Endpoints"],
        parameters=[_ID],
        request=EnableSerializer,
        responses=answers({200: EndpointSerializer}, 400, 415),
    )
    def post(self, request: Request, app: str, id: str) -> Response:
        endpoint = self.endpoint(id)
        held = validated_body(EnableSerializer, request)["held"]
        return Response(self.shape(enable_endpoint(endpoint, self.actor, held)))


class DisableView(_EndpointsOfKey):
    @extend_schema(
        operation_id="disable_endpoint",
        summary="Disable an endpoint",
        description="Its deliveries, new ones too, are held.",
        tags=["Endpoints"],
        parameters=[_ID],
        request=None,
        responses=answers({200: EndpointSerializer}, 400, 415),
    )
    def post(self, request: Request, app: str, id: str) -> Response:
        endpoint = self.endpoint(id)
        validated_body(EmptySerializer, request)
        return Response(self.shape(disable_endpoint(endpoint, DisabledReason.MANUAL, self.actor)))


class StatsView(_EndpointsOfKey):
    @extend_schema(
        operation_id="get_endpoint_stats",
        summary="Read how an endpoint is doing",
        description="What became of its deliveries, how fast it answers, and whether the service is holding back: "
        "after failures in a row a circuit breaker postpones deliveries without using up an attempt, then lets one "
        "through to find out. Test sends are not counted among outcomes and response times.\n\n"
        "So that the answer is fast for the busiest endpoint too, outcomes are those of its newest 10,000 deliveries "
        "(`since` tells from when on), response times those of its newest 1,000, and what is pending is counted up "
        "to 10,000 first attempts, as many retries, and as many tried again by hand.",
        tags=["Endpoints"],
        parameters=[_ID],
        responses=answers({200: EndpointStatsSerializer}),
    )
    def get(self, request: Request, app: str, id: str) -> Response:
        return Response(EndpointStatsSerializer().to_representation(endpoint_stats(self.endpoint(id))))


class TestSendView(_EndpointsOfKey):
    @extend_schema(
        operation_id="test_endpoint",
        summary="Send a test event to an endpoint",
        description="The type's example, through the same pipeline, marked `test`; to a disabled endpoint too.",
        tags=["Endpoints"],
        parameters=[_ID],
        request=TestSendSerializer,
        responses=answers({202: DeliveryWithAttemptsSerializer}, 400, 415, 429),
        examples=[OpenApiExample("A test", {"event_type": "webhook.test"}, request_only=True)],
    )
    def post(self, request: Request, app: str, id: str) -> Response:
        endpoint = self.endpoint(id)
        event_type: str = validated_body(TestSendSerializer, request)["event_type"]
        sent = send_test(endpoint, event_type, self.actor)
        delivery = with_attempts(deliveries_to_show(Delivery.objects.filter(pk=sent.pk))).get()
        return Response(DeliveryWithAttemptsSerializer().to_representation(delivery), status=202)


def _warned(warning: str | None) -> dict[str, str] | None:
    return {"switera-warning": warning} if warning else None
