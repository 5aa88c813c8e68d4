"""Facts about endpoints that their deliveries tell: health, and how many are held."""

from collections import Counter
from typing import Any

from django.db.models import BooleanField, Case, Count, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery, When
from django.utils import timezone

from deliveries.models import Delivery, DeliveryStatus, Turn
from webhooks.health import ATTENTION_WINDOW, AppHealth, EndpointFacts, Health, endpoint_health
from webhooks.models import App, DisabledReason, Endpoint


def with_health(endpoints: QuerySet[Endpoint]) -> QuerySet[Any]:
    """Rows with their lanes that `health_of` reads without a query each, which counts nothing."""
    return with_waiting_for_retry(endpoints.select_related("lane"))


def with_waiting_for_retry(endpoints: QuerySet[Endpoint]) -> QuerySet[Any]:
    """Rows with `waiting_for_retry`: whether a delivery failed that is tried again by itself or by hand."""
    return endpoints.annotate(waiting_for_retry=_waiting_for_retry())


def with_facts(endpoints: QuerySet[Endpoint], *, held_at_most: int | None = None) -> QuerySet[Any]:
    """Rows that `health_of` and `held_count_of` read without a query each.

    Pages count what is held up to one more than `held_at_most`: 1,000 rows are read in about a millisecond, a million
    in a second. Without it all are counted, as the REST API promises.
    """
    held = Delivery.objects.filter(endpoint=OuterRef("pk"), status=DeliveryStatus.PENDING, test=False).order_by()
    counted = _RowCount(held.values("pk")[: None if held_at_most is None else held_at_most + 1])
    held_count = Case(When(disabled_at__isnull=False, then=counted), default=0)
    rows: QuerySet[Any] = with_health(endpoints).annotate(held_count=held_count)
    return rows


class _RowCount(Subquery):
    """How many rows a query has that may be cut."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def _waiting_for_retry() -> Exists:
    """Of an Endpoint row. By turn: a backlog of first attempts is not looked through."""
    pending = Delivery.objects.filter(endpoint=OuterRef("pk"), status=DeliveryStatus.PENDING)
    return Exists(pending.filter(turn__in=(Turn.URGENT, Turn.RETRY), attempt_count__gt=0))


def health_of(endpoint: Any) -> Health:
    """The health of a row of `with_health` or `with_facts`."""
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
    """Deliveries that wait because the endpoint is disabled, of a row of `with_facts`; as far as that counts."""
    return int(endpoint.held_count)


def app_health_of(app: App, environment: str) -> AppHealth:
    """How the endpoints of the app's environment do; every page asks.

    One statement, which groups them by what health reads: an app may have 100,000, and counts no deliveries.
    """
    now = timezone.now()
    facts = {
        "subscribed": ~Q(event_types=[]),
        "succeeded": Q(lane__last_success_at__isnull=False),
        "succeeded_in_test": Q(lane__last_test_success_at__isnull=False),
        "exhausted": Q(lane__last_exhausted_at__gt=now - ATTENTION_WINDOW),
        "waiting": Q(_waiting_for_retry()),
    }
    told = {
        name: Case(When(fact, then=True), default=False, output_field=BooleanField()) for name, fact in facts.items()
    }
    counts: Counter[Health] = Counter(dict.fromkeys(Health, 0))
    disabled: Counter[Health] = Counter()
    endpoints = Endpoint.objects.in_scope(app, environment).order_by()
    groups = endpoints.annotate(**told).values_list("disabled_reason", *facts).annotate(Count("pk"))
    for disabled_reason, subscribed, succeeded, succeeded_in_test, exhausted, waiting, number in groups:
        alike = EndpointFacts(
            subscribed=subscribed,
            disabled_reason=disabled_reason,
            last_success_at=now if succeeded else None,
            last_test_success_at=now if succeeded_in_test else None,
            last_exhausted_at=now if exhausted else None,
            waiting_for_retry=waiting,
        )
        health = endpoint_health(alike, now)
        counts[health] += number
        disabled[health] += number if disabled_reason is not None else 0
    return AppHealth(counts, disabled)


def in_attention(endpoints: QuerySet[Endpoint]) -> QuerySet[Endpoint]:
    """Those of these whose health is Attention: the first rule of webhooks/health.py, in SQL."""
    failed_lately = Q(lane__last_exhausted_at__gt=timezone.now() - ATTENTION_WINDOW)
    disabled_by_system = Q(disabled_reason__in=(DisabledReason.GONE, DisabledReason.SUSTAINED_FAILURE))
    return endpoints.filter(failed_lately | disabled_by_system | Q(_waiting_for_retry()))
