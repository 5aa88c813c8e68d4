"""Which endpoints are subscribed to an event type. Patterns are few and endpoints many: matched here, read once."""

import uuid
from collections import defaultdict
from collections.abc import Iterable

from events.catalog.patterns import matches, patterns_matching
from webhooks.models import App, Endpoint


def subscribed_endpoints(app: App, environment: str, event_type: str) -> list[Endpoint]:
    """The endpoints of this app and environment that get events of the type, disabled ones too, newest first."""
    endpoints = Endpoint.objects.in_scope(app, environment).order_by("-id")
    shown = endpoints.only("name", "url", "event_types", "disabled_at", "disabled_reason")
    return [endpoint for endpoint in shown.iterator() if matches(endpoint.event_types, event_type)]


def subscriber_counts(app: App, environment: str, event_types: Iterable[str]) -> dict[str, int]:
    """How many endpoints of this app and environment get each of these types. One query."""
    by_pattern: defaultdict[str, set[uuid.UUID]] = defaultdict(set)
    rows = Endpoint.objects.in_scope(app, environment).order_by().values_list("pk", "event_types")
    for key, patterns in rows.iterator():
        for pattern in patterns:
            by_pattern[pattern].add(key)
    return {
        name: len(set().union(*(by_pattern.get(pattern, ()) for pattern in patterns_matching(name))))
        for name in event_types
    }
