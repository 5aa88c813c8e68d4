"""What audit entries are about, as the audit log shows it: its name, and its page where it still is."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, QuerySet

from deliveries.models import Delivery, Replay
from deliveries.views.filter_words import KIND_WORDS
from events.models import EventType
from switera_webhooks.ids import Prefix, from_public_id, to_public_id
from webhooks.models import (
    ApiKey,
    AuditEntry,
    Endpoint,
    Invitation,
    Membership,
    Organization,
    OrganizationDomain,
    OrganizationMember,
)
from webhooks.views.access import PageRequest

# The pages of those that are there, by the ids that entries name; each makes one query at most.
Find = Callable[[PageRequest, set[str]], Mapping[str, str]]


@dataclass(frozen=True)
class Target:
    """`id` is empty where it says nothing to people, or no more than `name`; `url` where it has no page any more."""

    name: str
    id: str
    url: str
    is_gone: bool


def targets(page: PageRequest, entries: Iterable[AuditEntry]) -> list[Target]:
    """One for each entry. One query a kind of target that is among them."""
    entries = list(entries)
    asked: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        asked[entry.target_type].add(entry.target_id)
    urls = {kind: find(page, asked[kind]) for kind, find in _PAGES.items() if asked[kind]}
    return [_target(entry, urls.get(entry.target_type)) for entry in entries]


def _target(entry: AuditEntry, urls: Mapping[str, str] | None) -> Target:
    """`urls` are those of its kind, None of a kind that has no pages."""
    url = (urls or {}).get(entry.target_id, "")
    name = entry.target_name or entry.target_id
    if entry.target_type == "replay":  # the log has its kind, a word such as `missing`
        name = f"Replay: {KIND_WORDS.get(name, name).lower()}"
    shows_id = name != entry.target_id and entry.target_type != "user" and (entry.target_type == "replay" or not url)
    return Target(name, entry.target_id if shows_id else "", url, is_gone=urls is not None and not url)


def _by_id(route: str, prefix: Prefix, rows: Callable[[], QuerySet[Any]]) -> Find:
    def find(page: PageRequest, ids: set[str]) -> Mapping[str, str]:
        found = rows().filter(app=page.app, environment=page.environment, pk__in=_keys(prefix, ids))
        there = [to_public_id(prefix, key) for key in found.values_list("pk", flat=True)]
        return {public_id: page.url(route, public_id) for public_id in there}

    return find


def _parts(route: str, prefix: Prefix, model: type[Model]) -> Find:
    """Parts of organizations: the list that has them."""

    def find(page: PageRequest, ids: set[str]) -> Mapping[str, str]:
        found = model._default_manager.filter(organization__app=page.app, pk__in=_keys(prefix, ids))
        return {
            to_public_id(prefix, key): page.url(route, to_public_id(Prefix.ORGANIZATION, organization))
            for key, organization in found.values_list("pk", "organization")
        }

    return find


def _keys(prefix: Prefix, ids: set[str]) -> list[Any]:
    return [key for each in ids if (key := from_public_id(prefix, each)) is not None]


def _app(page: PageRequest, ids: set[str]) -> Mapping[str, str]:
    return dict.fromkeys(ids & {page.app.public_id}, page.url("app_settings"))


def _event_types(page: PageRequest, names: set[str]) -> Mapping[str, str]:
    found = EventType.objects.filter(app=page.app, name__in=names).values_list("name", flat=True)
    return {name: page.url("event_type", name) for name in found}


def _organizations(page: PageRequest, ids: set[str]) -> Mapping[str, str]:
    found = Organization.objects.filter(app=page.app, pk__in=_keys(Prefix.ORGANIZATION, ids))
    there = [to_public_id(Prefix.ORGANIZATION, key) for key in found.values_list("pk", flat=True)]
    return {public_id: page.url("organization", public_id) for public_id in there}


def _members(page: PageRequest, ids: set[str]) -> Mapping[str, str]:
    users = Membership.objects.filter(app=page.app, user__in=[each for each in ids if each.isdecimal()])
    return {str(user): page.url("members") for user in users.values_list("user", flat=True)}


# By the type of target: the pages of those that are there.
_PAGES: Mapping[str, Find] = {
    "api_key": _by_id("api_key", Prefix.API_KEY, ApiKey.objects.all),
    "app": _app,
    "delivery": _by_id("delivery", Prefix.DELIVERY, Delivery.objects.all),
    "domain": _parts("organization_domains", Prefix.DOMAIN, OrganizationDomain),
    "endpoint": _by_id("endpoint", Prefix.ENDPOINT, lambda: Endpoint.objects.filter(deleted_at=None)),
    "event_type": _event_types,
    "invitation": _parts("organization_invitations", Prefix.INVITATION, Invitation),
    "member": _parts("organization_members", Prefix.MEMBER, OrganizationMember),
    "organization": _organizations,
    "replay": _by_id("replay", Prefix.JOB, Replay.objects.all),
    "user": _members,
}
