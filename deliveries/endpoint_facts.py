"""Facts about endpoints that their deliveries tell: health, and how many are held."""

from typing import Any

from django.db.models import Count, Exists, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from deliveries.models import Delivery, DeliveryStatus, Turn
from webhooks.health import EndpointFacts, Health, endpoint_health
from webhooks.models import Endpoint


def with_facts(endpoints: QuerySet[Endpoint]) -> QuerySet[Any]:
    """Rows that `health_of` and `held_count_of` read without a query each."""
    pending = Delivery.objects.filter(endpoint=OuterRef("pk"), status=DeliveryStatus.PENDING)
    held = (
        pending.filter(test=False, endpoint__disabled_at__isnull=False)
        .order_by()
        .values("endpoint")
        .annotate(number=Count("pk"))
        .values("number")
    )
    return endpoints.select_related("lane").annotate(
        # By turn: a backlog of first attempts is not looked through.
        waiting_for_retry=Exists(pending.filter(turn__in=(Turn.URGENT, Turn.RETRY), attempt_count__gt=0)),
        held_count=Coalesce(Subquery(held, output_field=IntegerField()), 0),
    )


def health_of(endpoint: Any) -> Health:
    """The health of a row of `with_facts`."""
    return endpoint_health(
        EndpointFacts(
            subscribed=bool(endpoint.event_types),
            disabled_reason=endpoint.disabled_reason,
            last_success_at=endpoint.lane.last_success_at,
            last_test_success_at=endpoint.lane.last_test_success_at,
            last_exhausted_at=endpoint.lane.last_exhausted_at,
            waiting_for_retry=endpoint.waiting_for_retry,
        ),
        timezone.now(),
    )


def held_count_of(endpoint: Any) -> int:
    """Deliveries that wait because the endpoint is disabled, of a row of `with_facts`."""
    return int(endpoint.held_count)
