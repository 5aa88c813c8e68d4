"""REST: reading deliveries, trying one again, canceling one."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from deliveries.api.serializers import (
    DeliveryQuery,
    DeliverySerializer,
    DeliveryWithAttemptsSerializer,
    with_attempts,
)
from deliveries.delivery_actions import cancel_delivery, retry_delivery
from deliveries.delivery_filter import DeliveryFilter
from deliveries.delivery_rows import deliveries_to_show
from deliveries.models import Delivery
from switera_webhooks.api.fields import EmptySerializer
from switera_webhooks.api.openapi import answers, path_parameter
from switera_webhooks.api.pagination import page_of, paginate
from switera_webhooks.api.views import validated_body, validated_query
from switera_webhooks.ids import Prefix
from webhooks.api.app_view import AppView, one_of

_ID = path_parameter("id", "The delivery's id, `dlv_…`.")
_SHAPE = DeliverySerializer()
_WITH_ATTEMPTS = DeliveryWithAttemptsSerializer()


class _DeliveriesOfKey(AppView):
    def deliveries(self) -> QuerySet[Any]:
        return deliveries_to_show(Delivery.objects.filter(app=self.app, environment=self.environment))

    def answer(self, id: str) -> Response:
        """The delivery alone, as it is now. Raises NotFound."""
        delivery = one_of(with_attempts(self.deliveries()), Prefix.DELIVERY, id)
        return Response(_WITH_ATTEMPTS.to_representation(delivery))


class DeliveriesView(_DeliveriesOfKey):
    @extend_schema(
        operation_id="list_deliveries",
        summary="List deliveries, newest first",
        description="Those of the key's environment, test sends included.",
        tags=["Deliveries"],
        parameters=[DeliveryQuery],
        responses=answers({200: page_of("DeliveryList", DeliverySerializer())}, 400),
    )
    def get(self, request: Request, app: str) -> Response:
        query = validated_query(DeliveryQuery, request)
        deliveries = DeliveryFilter.of(query).apply(self.deliveries())
        return Response(paginate(deliveries, query, order="-id").answer(_SHAPE))


class DeliveryView(_DeliveriesOfKey):
    @extend_schema(
        operation_id="get_delivery",
        summary="Read a delivery",
        description="With its attempts, oldest first.",
        parameters=[_ID],
        tags=["Deliveries"],
        responses=answers({200: DeliveryWithAttemptsSerializer}),
    )
    def get(self, request: Request, app: str, id: str) -> Response:
        return self.answer(id)


class RetryView(_DeliveriesOfKey):
    @extend_schema(
        operation_id="retry_delivery",
        summary="Try a delivery again now",
        description="One attempt now and, if it fails, the retry schedule from its start. Not while it is being "
        "sent, nor when its endpoint is deleted (409); while its endpoint is disabled it is held.",
        tags=["Deliveries"],
        parameters=[_ID],
        request=None,
        responses=answers({200: DeliveryWithAttemptsSerializer}, 400, 409, 415),
    )
    def post(self, request: Request, app: str, id: str) -> Response:
        delivery = one_of(self.deliveries(), Prefix.DELIVERY, id)
        validated_body(EmptySerializer, request)
        retry_delivery(delivery, self.actor)
        return self.answer(id)


class CancelView(_DeliveriesOfKey):
    @extend_schema(
        operation_id="cancel_delivery",
        summary="Cancel a delivery",
        description="Only one that waits for its first attempt or a retry (409). It can be retried later.",
        tags=["Deliveries"],
        parameters=[_ID],
        request=None,
        responses=answers({200: DeliveryWithAttemptsSerializer}, 400, 409, 415),
    )
    def post(self, request: Request, app: str, id: str) -> Response:
        delivery = one_of(self.deliveries(), Prefix.DELIVERY, id)
        validated_body(EmptySerializer, request)
        cancel_delivery(delivery, self.actor)
        return self.answer(id)
