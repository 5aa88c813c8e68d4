"""Deliveries as people and programs see them: with what is to be known of their endpoint, and when they go out next."""

import datetime as dt
from typing import Any

from django.db.models import Case, F, OuterRef, QuerySet, Subquery, When

from deliveries.models import Attempt, Delivery, DeliveryStatus, Turn


def deliveries_to_show(deliveries: QuerySet[Delivery]) -> QuerySet[Any]:
    """Rows for `is_held` and `next_attempt_at`, and for the REST API's DeliverySerializer."""
    return deliveries.annotate(
        endpoint_disabled_at=F("endpoint__disabled_at"),
        endpoint_paused_until=F("endpoint__lane__paused_until"),
        # While one delivery finds out, the rest may follow at any moment.
        endpoint_open_until=Case(When(endpoint__lane__probing=False, then=F("endpoint__lane__open_until"))),
    )


def with_last_duration(deliveries: QuerySet[Any]) -> QuerySet[Any]:
    """The same with `last_duration_ms`, of the last attempt: one look-up by key a row that is shown."""
    last = Attempt.objects.filter(delivery=OuterRef("pk"), number=OuterRef("attempt_count"))
    annotated: QuerySet[Any] = deliveries.annotate(last_duration_ms=Subquery(last.values("duration_ms")[:1]))
    return annotated


def is_held(delivery: Any) -> bool:
    """Whether it waits for its endpoint to be enabled; of a row of `deliveries_to_show`."""
    return delivery.status == DeliveryStatus.PENDING and not delivery.test and delivery.endpoint_disabled_at is not None


def next_attempt_at(delivery: Any) -> dt.datetime | None:
    """When it goes out at the earliest; None while it is held and where nothing is due."""
    if delivery.due_at is None or is_held(delivery):
        return None
    # Test sends and retries by hand pass by the endpoint's circuit breaker and pause.
    postponed = () if delivery.turn == Turn.URGENT else (delivery.endpoint_open_until, delivery.endpoint_paused_until)
    moments: list[dt.datetime] = [delivery.due_at, *(moment for moment in postponed if moment is not None)]
    return max(moments)
