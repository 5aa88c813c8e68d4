"""Every route is scoped to the key's app and environment; beyond it, all is as if it were not there (S33, S34)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver

from deliveries.delivery_filter import DeliveryFilter
from deliveries.models import Attempt, Delivery, Lane, Replay, ReplayKind
from deliveries.replays import start_replay
from events.models import Event, EventType
from tests.api.conftest import Api
from tests.api.test_authentication import NOT_FOUND
from tests.factories import ACTOR, make_attempt, make_delivery, make_endpoint, make_event, make_key
from tests.organizations import make_full_organization
from webhooks.app_setup import CreatedApp
from webhooks.models import (
    App,
    AuditEntry,
    Endpoint,
    EndpointSecret,
    Invitation,
    Organization,
    OrganizationDomain,
    OrganizationMember,
)

EVENT = {"type": "order.paid", "data": {}}


@dataclass(frozen=True)
class Objects:
    """One of each kind, in one app and environment."""

    event: str
    endpoint: str
    delivery: str
    replay: str


@dataclass(frozen=True)
class Route:
    """A request of the API; `path` with the names of Objects in braces."""

    method: str
    path: str
    body: Mapping[str, object] | None = None


# Routes to one object: each has to answer 404 for what is not the key's.
ONE = [
    Route("GET", "events/{event}"),
    Route("GET", "endpoints/{endpoint}"),
    Route("PATCH", "endpoints/{endpoint}", {"name": "Mine"}),
    Route("DELETE", "endpoints/{endpoint}"),
    Route("GET", "endpoints/{endpoint}/secret"),
    Route("POST", "endpoints/{endpoint}/secret/rotate", {}),
    Route("POST", "endpoints/{endpoint}/enable", {}),
    Route("POST", "endpoints/{endpoint}/disable", {}),
    Route("GET", "endpoints/{endpoint}/stats"),
    Route("POST", "endpoints/{endpoint}/test", {"event_type": "order.paid"}),
    Route("GET", "deliveries/{delivery}"),
    Route("POST", "deliveries/{delivery}/retry", {}),
    Route("POST", "deliveries/{delivery}/cancel", {}),
    Route("GET", "replays/{replay}"),
    Route("POST", "replays/{replay}/cancel", {}),
]
# Event types are of an app, in both environments.
OF_TYPES = [
    Route("GET", "event-types/order.paid"),
    Route("PATCH", "event-types/order.paid", {"description": "Mine"}),
    Route("DELETE", "event-types/order.paid"),
]
# Organizations are of an app, in both environments, with parts of their own.
_MEMBER = "organizations/{organization}/members/{member}"
_INVITATION = "organizations/{organization}/invitations/{invitation}"
_DOMAIN = "organizations/{organization}/domains/{domain}"
OF_ORGANIZATIONS = [
    Route("GET", "organizations/{organization}"),
    Route("PATCH", "organizations/{organization}", {"name": "Mine"}),
    Route("DELETE", "organizations/{organization}"),
    Route("GET", "organizations/{organization}/members"),
    Route("POST", "organizations/{organization}/members", {"user_id": "usr_9", "email": "mine@example.com"}),
    Route("GET", _MEMBER),
    Route("PATCH", _MEMBER, {"role": "mine"}),
    Route("DELETE", _MEMBER),
    Route("GET", "organizations/{organization}/invitations"),
    Route("POST", "organizations/{organization}/invitations", {"email": "mine@example.com"}),
    Route("GET", _INVITATION),
    Route("PATCH", _INVITATION, {"role": "mine"}),
    Route("DELETE", _INVITATION),
    Route("POST", f"{_INVITATION}/accept", {"user_id": "usr_9"}),
    Route("POST", f"{_INVITATION}/revoke", {}),
    Route("GET", "organizations/{organization}/domains"),
    Route("POST", "organizations/{organization}/domains", {"domain": "mine.example"}),
    Route("GET", _DOMAIN),
    Route("PATCH", _DOMAIN, {"auto_join": True}),
    Route("DELETE", _DOMAIN),
    Route("POST", f"{_DOMAIN}/verify", {"method": "manual"}),
]
OF_NO_OBJECT = [
    Route("GET", "organizations"),
    Route("POST", "organizations", {"name": "Mine"}),
    Route("POST", "events", EVENT),
    Route("POST", "events/batch", {"events": [EVENT]}),
    Route("GET", "events"),
    Route("GET", "event-types"),
    Route("POST", "event-types", {"name": "order.sent"}),
    Route("GET", "event-types/export"),
    Route("POST", "event-types/import", {"openapi": "3.1.0", "webhooks": {"order.sent": {"post": {}}}}),
    Route("GET", "endpoints"),
    Route("POST", "endpoints", {"url": "https://192.0.78.1/", "event_types": ["*"]}),
    Route("GET", "deliveries"),
    Route("POST", "replays", {"endpoint_id": "ep_01m84w1vmver3skjvqwnncx601", "kind": "all"}),
    Route("GET", "audit"),
    Route("GET", "audit/export"),
]
EVERY = ONE + OF_TYPES + OF_ORGANIZATIONS + OF_NO_OBJECT


def objects_of(app: App, environment: str) -> Objects:
    endpoint = make_endpoint(app, environment=environment)
    event = make_event(app, environment=environment)
    delivery = make_delivery(event, endpoint)
    make_attempt(delivery)
    replay = start_replay(app, environment, ReplayKind.ALL, DeliveryFilter(endpoint_id=endpoint.pk), ACTOR)
    return Objects(event.public_id, endpoint.public_id, delivery.public_id, replay.public_id)


def parts_of(app: App) -> dict[str, str]:
    """An organization with one of each part."""
    organization, member, invitation, domain = make_full_organization(app)
    return {
        "organization": organization.public_id,
        "member": member.public_id,
        "invitation": invitation.public_id,
        "domain": domain.public_id,
    }


def path_of(route: Route, app: App) -> str:
    """With ids of what is made for it."""
    ids = parts_of(app) if "{organization}" in route.path else vars(objects_of(app, "live"))
    return route.path.format(**ids)


def ask(api: Api, route: Route, objects: Objects) -> tuple[int, bytes]:
    answer = api.request(route.method, route.path.format(**vars(objects)), route.body)
    return answer.status_code, answer.content


@pytest.fixture
def nothing_changes() -> Iterator[None]:
    def rows() -> dict[type[Model], list[Any]]:
        kinds: tuple[type[Model], ...] = (
            Attempt,
            AuditEntry,
            Delivery,
            Endpoint,
            EndpointSecret,
            Event,
            EventType,
            Invitation,
            Lane,
            Organization,
            OrganizationDomain,
            OrganizationMember,
            Replay,
        )
        return {kind: list(kind._default_manager.order_by("pk").values()) for kind in kinds}

    before: dict[type[Model], list[Any]] = {}

    def note() -> None:
        before.update(rows())

    yield note  # type: ignore[misc]
    assert rows() == before


@pytest.mark.parametrize("route", ONE, ids=lambda route: f"{route.method} {route.path}")
def test_an_object_beyond_the_keys_reach_answers_like_a_missing_one(
    route: Route,
    shop: CreatedApp,
    rival: CreatedApp,
    live_api: Api,
    test_api: Api,
    nothing_changes: Callable[[], None],
) -> None:
    """S33, S30: of another app, of the other environment, missing, and malformed: one answer."""
    mine = objects_of(shop.app, "live")
    in_test = objects_of(shop.app, "test")
    of_rival = objects_of(rival.app, "live")
    missing = Objects(*(id[:-4] + "zzzz" for id in vars(mine).values()))
    malformed = Objects("evt", "ep_%00", "dlv_\N{SNOWMAN}", "job_")
    mixed_up = Objects(mine.endpoint, mine.delivery, mine.event, mine.event)
    nothing_changes()

    answers = {ask(live_api, route, beyond) for beyond in (in_test, of_rival, missing, malformed, mixed_up)}
    answers |= {ask(test_api, route, beyond) for beyond in (mine, of_rival, missing)}

    [(status, content)] = answers
    assert (status, live_api.get("nothing").content) == (404, content)


@pytest.mark.parametrize("route", OF_TYPES, ids=lambda route: route.method)
def test_an_event_type_of_another_app_answers_like_a_missing_one(
    route: Route, shop: CreatedApp, rival: CreatedApp, live_api: Api, nothing_changes: Callable[[], None]
) -> None:
    """S33."""
    objects = objects_of(rival.app, "live")
    nothing_changes()

    assert ask(live_api, route, objects) == ask(live_api, Route("GET", "event-types/never.was"), objects)
    assert live_api.request(route.method, route.path, route.body).json() == NOT_FOUND
    assert live_api.get("event-types/a%00b").status_code == 404


@pytest.mark.parametrize("route", OF_ORGANIZATIONS, ids=lambda route: f"{route.method} {route.path}")
def test_an_organization_of_another_app_and_a_part_of_another_organization_answer_like_missing_ones(
    route: Route, shop: CreatedApp, rival: CreatedApp, live_api: Api, nothing_changes: Callable[[], None]
) -> None:
    """S33."""
    theirs, mine, other = parts_of(rival.app), parts_of(shop.app), parts_of(shop.app)
    missing = {name: id[:-4] + "zzzz" for name, id in mine.items()}
    malformed = dict.fromkeys(mine, "org_%00")
    beyond = [theirs, missing, malformed, theirs | {"organization": mine["organization"]}]
    if route.path.count("{") == 2:
        beyond += [other | {"organization": mine["organization"]}, mine | {"organization": theirs["organization"]}]
    else:
        beyond.pop()
    nothing_changes()

    answers = [live_api.request(route.method, route.path.format(**ids), route.body) for ids in beyond]

    assert {answer.status_code for answer in answers} == {404}
    assert all(answer.json() == NOT_FOUND for answer in answers)


@pytest.mark.parametrize("route", OF_ORGANIZATIONS, ids=lambda route: f"{route.method} {route.path}")
def test_a_test_key_reads_organizations_and_changes_nothing(
    route: Route, shop: CreatedApp, test_api: Api, nothing_changes: Callable[[], None]
) -> None:
    path = path_of(route, shop.app)
    nothing_changes()

    answer = test_api.request(route.method, path, route.body)

    if route.method == "GET":
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("route", EVERY, ids=lambda route: f"{route.method} {route.path}")
def test_a_key_of_another_app_finds_no_route_of_this_one(
    route: Route, shop: CreatedApp, rival: CreatedApp, nothing_changes: Callable[[], None]
) -> None:
    """S33: the rival's key at this app's path, with this app's ids."""
    path = path_of(route, shop.app)
    _, key = make_key(rival.app)
    intruder = Api(shop.app, key)
    nothing_changes()

    assert intruder.request(route.method, path, route.body).json() == NOT_FOUND


@pytest.mark.parametrize("route", EVERY, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_needs_a_key(route: Route, shop: CreatedApp, nothing_changes: Callable[[], None]) -> None:
    path = path_of(route, shop.app)
    nothing_changes()

    answer = Api(shop.app, "sk_live_none").request(route.method, path, route.body)

    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_lists_show_the_keys_own_and_nothing_else(
    shop: CreatedApp, rival: CreatedApp, live_api: Api, test_api: Api, rival_api: Api
) -> None:
    """S34."""
    reach = {live_api: objects_of(shop.app, "live"), test_api: objects_of(shop.app, "test")}
    reach[rival_api] = objects_of(rival.app, "live")

    for api, objects in reach.items():
        for kind, path in (("event", "events"), ("endpoint", "endpoints"), ("delivery", "deliveries")):
            assert [item["id"] for item in api.get(path).json()["items"]] == [getattr(objects, kind)]


def test_a_filter_by_anothers_id_finds_nothing(shop: CreatedApp, rival: CreatedApp, live_api: Api) -> None:
    """S34: like an id that never was."""
    objects_of(shop.app, "live")
    theirs = objects_of(rival.app, "live")
    in_test = objects_of(shop.app, "test")
    nothing: dict[str, object] = {"items": [], "next": None, "previous": None}

    for objects in (theirs, in_test):
        assert live_api.get("deliveries", endpoint_id=objects.endpoint).json() == nothing
        assert live_api.get("deliveries", event_id=objects.event).json() == nothing


def test_a_replay_to_anothers_endpoint_answers_like_one_to_a_missing_endpoint(
    shop: CreatedApp, rival: CreatedApp, live_api: Api, nothing_changes: Callable[[], None]
) -> None:
    """S33."""
    theirs, in_test = objects_of(rival.app, "live"), objects_of(shop.app, "test")
    nothing_changes()

    for endpoint in (theirs.endpoint, in_test.endpoint, "ep_01m84w1vmver3skjvqwnncx601"):
        answer = live_api.post("replays", {"endpoint_id": endpoint, "kind": "all"})
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


def test_the_tables_above_name_every_route() -> None:
    def routes(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[tuple[str, str]]:
        for pattern in patterns:
            path = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from routes(pattern.url_patterns, path)
            elif path.startswith(base):
                view = pattern.callback.view_class  # type: ignore[attr-defined]
                yield from ((m.upper(), path.removeprefix(base)) for m in view.http_method_names if hasattr(view, m))

    base = "api/v1/apps/<str:app>/"
    known = {(route.method, route.path.replace("order.paid", "<str:name>")) for route in EVERY}
    for name in ("member", "invitation", "domain"):
        known = {(method, path.replace(f"{{{name}}}", f"<str:{name}_id>")) for method, path in known}
    for name in (*Objects.__dataclass_fields__, "organization"):
        known = {(method, path.replace(f"{{{name}}}", "<str:id>")) for method, path in known}

    assert known == set(routes(get_resolver().url_patterns, ""))
