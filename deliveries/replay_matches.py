"""What a replay comes to: the deliveries in one state that its filter lets through, or the events of one endpoint."""

import uuid
from collections.abc import Sequence
from typing import TypeVar

from django.db.models import Exists, Model, OuterRef, Q, QuerySet, Subquery

from deliveries.delivery_filter import DeliveryFilter, deliveries_of
from deliveries.models import Delivery, ReplayKind
from events.catalog.patterns import EVERYTHING, OPT_IN_PREFIX
from events.models import Event
from switera_webhooks.time_filters import created_between
from webhooks.models import Endpoint

Row = TypeVar("Row", bound=Model)


def matching_deliveries(app_id: uuid.UUID, environment: str, filters: DeliveryFilter) -> QuerySet[Delivery]:
    """Those that the filter lets through that may be sent.

    Not those of deleted endpoints, which get nothing any more; nor of one organization's endpoint those of others'
    events, from before it was given to it.
    """
    # Asked event by event, and only where the endpoint has one; an EXISTS might be answered for all events at once.
    of_event = Subquery(Event.objects.filter(pk=OuterRef("event_id")).values("organization"))
    return deliveries_of(app_id, environment, filters).filter(
        Q(endpoint__organization=None) | Q(endpoint__organization=of_event), endpoint__deleted_at=None
    )


def deliveries_to_search(app_id: uuid.UUID, environment: str, filters: DeliveryFilter) -> QuerySet[Delivery]:
    """All among which those are: by what an index tells alone, so that so many of them are soon counted off."""
    by_index = DeliveryFilter(filters.status, filters.endpoint_id, after=filters.after, before=filters.before)
    return deliveries_of(app_id, environment, by_index)


def events_to_search(endpoint: Endpoint, filters: DeliveryFilter) -> QuerySet[Event]:
    """Events of the endpoint's app and environment in the window. Test sends are nobody else's, and not repeated."""
    events = Event.objects.filter(app=endpoint.app_id, environment=endpoint.environment, test=False)
    return created_between(events, filters.after, filters.before)


def matching_events(
    endpoint: Endpoint,
    kind: ReplayKind,
    filters: DeliveryFilter,
    after: uuid.UUID | None = None,
    until: uuid.UUID | None = None,
) -> QuerySet[Event]:
    """The events that the endpoint is subscribed to now and has no delivery of; `all`: also those that it has one of.

    A canceled delivery is one that it has: `missing` leaves it canceled. With `after` and `until`, those events alone
    whose keys are greater than the one, and not than the other.
    """
    events = between(events_to_search(endpoint, filters), after, until)
    if filters.event_type is not None:
        events = events.filter(type=filters.event_type)
    # The bounds again: else the planner may read all that the endpoint ever had, for each batch.
    its_own = between(Delivery.objects.filter(endpoint=endpoint), after, until, "event")
    has_one = Exists(its_own.filter(event=OuterRef("pk")))
    may_have_one = _subscribed(endpoint.event_types) & ~_about(endpoint) & ~_left_to_fan_out(endpoint)
    if endpoint.organization_id is not None:
        events = events.filter(organization=endpoint.organization_id)
    if kind == ReplayKind.MISSING:
        return events.filter(may_have_one, ~has_one)
    return events.filter(Q(has_one) | may_have_one)


def between(
    rows: QuerySet[Row], after: uuid.UUID | None, until: uuid.UUID | None = None, key: str = "pk"
) -> QuerySet[Row]:
    """Those with keys greater than `after` and not than `until`, where given."""
    if after is not None:
        rows = rows.filter(**{f"{key}__gt": after})
    if until is not None:
        rows = rows.filter(**{f"{key}__lte": until})
    return rows


def _subscribed(patterns: Sequence[str]) -> Q:
    """Events of the types that these patterns match (events/catalog/patterns.py)."""
    matched = Q(type__in=[pattern for pattern in patterns if not pattern.endswith(EVERYTHING)])
    for pattern in patterns:
        if pattern == EVERYTHING:
            matched |= ~Q(type__startswith=OPT_IN_PREFIX)
        elif pattern.endswith(EVERYTHING):
            matched |= Q(type__startswith=pattern.removesuffix(EVERYTHING))
    return matched


def _about(endpoint: Endpoint) -> Q:
    """Events that tell of the endpoint itself: they are never sent to it (S40)."""
    return Q(about_endpoint_id__isnull=False, about_endpoint_id=endpoint.pk)


def _left_to_fan_out(endpoint: Endpoint) -> Q:
    """Events that were emitted after the endpoint was made, and whose first deliveries are still to come."""
    return Q(dispatched_at=None, created_at__gte=endpoint.created_at)
