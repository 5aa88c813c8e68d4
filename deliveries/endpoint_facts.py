"""Facts about endpoints that their deliveries tell: health, and how many are held."""

from collections import Counter
from typing import Any

from django.db.models import Count, Exists, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from deliveries.models import Delivery, DeliveryStatus, Turn
from webhooks.health import AppHealth, EndpointFacts, Health, endpoint_health
from webhooks.models import App, Endpoint

_PENDING = Delivery.objects.filter(endpoint=OuterRef("pk"), status=DeliveryStatus.PENDING)
# By turn: a backlog of first attempts is not looked through.
_WAITING_FOR_RETRY = Exists(_PENDING.filter(turn__in=(Turn.URGENT, Turn.RETRY), attempt_count__gt=0))


def with_facts(endpoints: QuerySet[Endpoint]) -> QuerySet[Any]:
    """Rows that `health_of` and `held_count_of` read without a query each."""
    held = (
        _PENDING.filter(test=False, endpoint__disabled_at__isnull=False)
        .order_by()
        .values("endpoint")
        .annotate(number=Count("pk"))
        .values("number")
    )
    return endpoints.select_related("lane").annotate(
        waiting_for_retry=_WAITING_FOR_RETRY,
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


def app_health_of(app: App, environment: str) -> AppHealth:
    """How the endpoints of the app's environment do. One query, which counts no deliveries: every page asks."""
    endpoints = Endpoint.objects.in_scope(app, environment).select_related("lane").order_by()
    rows = endpoints.annotate(waiting_for_retry=_WAITING_FOR_RETRY).only(
        "event_types",
        "disabled_reason",
        "lane__last_success_at",
        "lane__last_test_success_at",
        "lane__last_exhausted_at",
    )
    counts: Counter[Health] = Counter()
    disabled: Counter[Health] = Counter()
    for row in rows:
        health = health_of(row)
        counts[health] += 1
        disabled[health] += row.disabled_reason is not None
    return AppHealth(counts, disabled)


def held_count_of(endpoint: Any) -> int:
    """Deliveries that wait because the endpoint is disabled, of a row of `with_facts`."""
    return int(endpoint.held_count)
