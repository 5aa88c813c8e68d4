"""Where the objects of audit entries are to be seen, of those that still are."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db.models import QuerySet

from deliveries.models import Delivery, Replay
from events.models import EventType
from switera_webhooks.ids import Prefix, from_public_id, to_public_id
from webhooks.models import ApiKey, AuditEntry, Endpoint, Membership, Organization
from webhooks.views.access import PageRequest

# The target ids of those that are there, by the ids that entries name; each makes one query.
Find = Callable[[PageRequest, set[str]], Iterable[str]]


def target_urls(page: PageRequest, entries: Iterable[AuditEntry]) -> Mapping[tuple[str, str], str]:
    """The page of each target, by its type and id. One query a type of target that is among them."""
    asked: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        asked[entry.target_type].add(entry.target_id)
    return {
        (target_type, target_id): page.url(route, *([target_id] if takes_id else []))
        for target_type, (route, takes_id, find) in _PAGES.items()
        if asked[target_type]
        for target_id in find(page, asked[target_type])
    }


def _by_id(prefix: Prefix, rows: Callable[[], QuerySet[Any]]) -> Find:
    def find(page: PageRequest, ids: set[str]) -> Iterable[str]:
        keys = [key for each in ids if (key := from_public_id(prefix, each)) is not None]
        found = rows().filter(app=page.app, environment=page.environment, pk__in=keys)
        return [to_public_id(prefix, key) for key in found.values_list("pk", flat=True)]

    return find


def _event_types(page: PageRequest, names: set[str]) -> Iterable[str]:
    return EventType.objects.filter(app=page.app, name__in=names).values_list("name", flat=True)


def _organizations(page: PageRequest, ids: set[str]) -> Iterable[str]:
    keys = [key for each in ids if (key := from_public_id(Prefix.ORGANIZATION, each)) is not None]
    found = Organization.objects.filter(app=page.app, pk__in=keys)
    return [to_public_id(Prefix.ORGANIZATION, key) for key in found.values_list("pk", flat=True)]


def _members(page: PageRequest, ids: set[str]) -> Iterable[str]:
    users = Membership.objects.filter(app=page.app, user__in=[each for each in ids if each.isdecimal()])
    return [str(user) for user in users.values_list("user", flat=True)]


# By the type of target: its page, whether that is of one, and how to find those that are there.
_PAGES: Mapping[str, tuple[str, bool, Find]] = {
    "api_key": ("api_key", True, _by_id(Prefix.API_KEY, ApiKey.objects.all)),
    "delivery": ("delivery", True, _by_id(Prefix.DELIVERY, Delivery.objects.all)),
    "endpoint": ("endpoint", True, _by_id(Prefix.ENDPOINT, lambda: Endpoint.objects.filter(deleted_at=None))),
    "event_type": ("event_type", True, _event_types),
    "organization": ("organization", True, _organizations),
    "replay": ("replay", True, _by_id(Prefix.JOB, Replay.objects.all)),
    "user": ("members", False, _members),
}
