"""The tab Event Catalog: the types that an endpoint of the app can subscribe to, and one of them."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import F, Q, QuerySet
from django.http import Http404, HttpResponse

from deliveries.statistics import Period, event_type_traffic
from events.catalog.built_in import BUILT_IN_FAMILIES
from events.catalog.patterns import OPT_IN_FAMILY, patterns_matching
from events.catalog.schema_fields import MAX_ROWS, fields_of
from events.event_types import visible_event_types
from events.models import EventType
from events.subscribers import subscribed_endpoints, subscriber_counts
from switera_webhooks.pages.json_field import typed_json
from webhooks.endpoint_names import endpoint_names
from webhooks.views.access import PageRequest, Tab, app_page

# More types than that are found by searching.
_TYPES_SHOWN = 500
_SUBSCRIBERS_SHOWN = 20
_LONGEST_SEARCH = 200


@dataclass(frozen=True)
class ListedType:
    """A row of the catalog."""

    event_type: EventType
    subscribers: int


@dataclass(frozen=True)
class Family:
    """The types whose names begin alike; `own` ones are the Builder's."""

    name: str
    own: bool
    types: list[ListedType]


@app_page(Tab.EVENT_CATALOG)
def event_catalog(page: PageRequest) -> HttpResponse:
    search = page.http.GET.get("q", "").replace("\0", "").strip()[:_LONGEST_SEARCH]
    types = list(_matching(visible_event_types(page.app), search)[: _TYPES_SHOWN + 1])
    context = {
        "search": search,
        "families": _families(page, types[:_TYPES_SHOWN]),
        "more": len(types) > _TYPES_SHOWN,
        "count": min(len(types), _TYPES_SHOWN),
        "has_own": any(not each.built_in for each in types) or (bool(search) and _has_own(page)),
    }
    if page.http.headers.get("HX-Target") == "catalog":
        return page.part("events/catalog_list.html", {**context, "announced": True})
    return page.render("events/event_catalog.html", context)


@app_page(Tab.EVENT_CATALOG)
def event_type(page: PageRequest, name: str) -> HttpResponse:
    found = find_event_type(page, name)
    subscribers = subscribed_endpoints(page.app, page.environment, found.name)
    fields = fields_of(found.schema)
    return page.render(
        "events/event_type.html",
        {
            "event_type": found,
            "fields": fields,
            "fields_cut": len(fields) == MAX_ROWS,
            "subscribers": subscribers[:_SUBSCRIBERS_SHOWN],
            "endpoint_names": endpoint_names(subscribers[:_SUBSCRIBERS_SHOWN]),
            "more_subscribers": max(0, len(subscribers) - _SUBSCRIBERS_SHOWN),
            "patterns": patterns_matching(found.name),
            "volume": [
                (period, event_type_traffic(page.app, page.environment, found.name, period)) for period in Period
            ],
            "is_opt_in": found.family == OPT_IN_FAMILY,
            "curl": None if found.built_in else _curl(page, found),
        },
    )


def find_event_type(page: PageRequest, name: str) -> EventType:
    """The built-in type or the app's own with this name. Raises Http404, for another app's too (S33)."""
    found = None if "\0" in name else visible_event_types(page.app).filter(name=name).first()
    if found is None:
        raise Http404
    return found


def _matching(types: QuerySet[EventType], search: str) -> QuerySet[EventType]:
    """Those whose name or description has every word; the app's own come first."""
    for word in search.split():
        types = types.filter(Q(name__icontains=word) | Q(description__icontains=word))
    return types.defer("schema", "example").order_by(F("app").asc(nulls_last=True), "name")


def _has_own(page: PageRequest) -> bool:
    return EventType.objects.filter(app=page.app).exists()


def _families(page: PageRequest, types: Iterable[EventType]) -> list[Family]:
    """Builders' families by name, then the built-in ones in the order of the catalog."""
    types = list(types)
    counts = subscriber_counts(page.app, page.environment, [each.name for each in types])
    families: dict[str, Family] = {}
    for each in types:
        family = families.setdefault(each.family, Family(each.family, not each.built_in, []))
        family.types.append(ListedType(each, counts[each.name]))
    order = {name: number for number, name in enumerate(BUILT_IN_FAMILIES, 1)}
    return sorted(families.values(), key=lambda family: (order.get(family.name, 0), family.name))


def _curl(page: PageRequest, found: EventType) -> str:
    """A command that emits one, with a placeholder for the key."""
    url = page.http.build_absolute_uri(f"/api/v1/apps/{page.app.public_id}/events")
    body = typed_json({"type": found.name, "data": {} if found.example is None else found.example})
    return " \\\n  ".join(
        [
            f"curl {shlex.quote(url)}",
            f"--header 'Authorization: Bearer sk_{page.environment.value}_YOUR_KEY'",
            "--header 'Content-Type: application/json'",
            f"--data-raw {shlex.quote(body)}",
        ]
    )
