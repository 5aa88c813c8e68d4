"""A filter of deliveries in words, for whoever is about to act on all that it lets through."""

import datetime as dt
from dataclasses import dataclass

from deliveries.delivery_filter import DeliveryFilter
from deliveries.error_codes import ErrorCode
from deliveries.models import ReplayKind
from switera_webhooks.ids import Prefix, to_public_id
from webhooks.models import Endpoint, Organization
from webhooks.views.access import PageRequest

# What a replay of each kind sends again.
KIND_WORDS = {
    ReplayKind.FAILED.value: "Failed deliveries",
    ReplayKind.CANCELED.value: "Canceled deliveries",
    ReplayKind.SUCCEEDED.value: "Deliveries that had succeeded",
    ReplayKind.MISSING.value: "Missed events",
    ReplayKind.ALL.value: "All events",
}


@dataclass(frozen=True)
class FilterWords:
    """What is asked of a delivery, as names and values, and the window in which it was created."""

    words: list[tuple[str, str]]
    after: dt.datetime | None
    before: dt.datetime | None


def filter_words(page: PageRequest, filters: DeliveryFilter) -> FilterWords:
    """Two queries at most; names are those of the page's app (S34)."""
    endpoint = filters.endpoint_id and Endpoint.objects.filter(app=page.app, pk=filters.endpoint_id).first()
    organization = (
        filters.organization_id and Organization.objects.filter(app=page.app, pk=filters.organization_id).first()
    )
    said = [
        ("Endpoint", endpoint and str(endpoint)),
        ("URL", endpoint and endpoint.name and endpoint.url),
        ("Event type", filters.event_type),
        ("Response status", filters.response_status and str(filters.response_status)),
        ("Failure", filters.error_code and ErrorCode(filters.error_code).sentence),
        ("Organization", organization and organization.name),
        ("Event", filters.event_id and to_public_id(Prefix.EVENT, filters.event_id)),
        ("Kind", {True: "test sends", False: "real events", None: None}[filters.test]),
    ]
    return FilterWords([(name, words) for name, words in said if words], filters.after, filters.before)
