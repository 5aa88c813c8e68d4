"""Built-in events by the platform key: who may, what it may, and that it shares nothing with Builders' keys."""

import json
from collections.abc import Mapping
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from events.api.emit_requests import FIELDS, PLATFORM_FIELDS
from events.api.serializers import PlatformEmitSerializer
from events.models import EmitBudget, Event
from tests.api.conftest import Answer, Api, refusal, statements
from tests.api.test_events import SHAPE, refused
from tests.factories import make_event_type, make_organization
from webhooks.app_setup import CreatedApp
from webhooks.platform_keys import new_platform_key

PATH = "/api/v1/platform/events"
NO_KEY = {
    "code": "unauthorized",
    "message": "Give a platform key in the header: Authorization: Bearer sk_platform_…",
    "details": {},
}
BAD_KEY = {
    "code": "unauthorized",
    "message": "This is no platform key that the operator of this service has set.",
    "details": {},
}
MFA = {"user_id": "usr_1", "factor_id": "fac_1", "factor_type": "totp"}
NONE: Mapping[str, str] = {}

pytestmark = pytest.mark.usefixtures("catalog")


class Platform:
    """Requests with a platform key."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.client = Client(enforce_csrf_checks=True)

    def post(self, body: object, path: str = PATH, headers: Mapping[str, str] = NONE) -> Answer:
        answer: Answer = self.client.generic(
            "POST",
            path,
            body if isinstance(body, bytes) else json.dumps(body).encode(),
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.key}", **headers},
        )
        return answer

    def batch(self, *events: object) -> Answer:
        return self.post({"events": list(events)}, f"{PATH}/batch")


@pytest.fixture
def platform(settings: Settings) -> Platform:
    text, key_hash = new_platform_key()
    settings.WEBHOOKS_PLATFORM_KEY_HASHES = (bytes.fromhex(key_hash),)
    return Platform(text)


@pytest.fixture
def event(shop: CreatedApp) -> dict[str, Any]:
    return {"app_id": shop.app.public_id, "environment": "live", "type": "auth.mfa.enabled", "data": MFA}


# Who may -------------------------------------------------------------------------------------------


def test_an_event_is_answered_202_as_it_is_stored(platform: Platform, event: dict[str, Any], shop: CreatedApp) -> None:
    organization = make_organization(shop.app)
    optional = {"timestamp": "2026-01-31T13:00:00+01:00", "organization_id": organization.public_id}

    answer = platform.post(event | {"environment": "test"} | optional)

    assert answer.status_code == 202
    assert set(answer.json()) == SHAPE
    stored = Event.objects.get()
    assert answer.json() == {
        "id": stored.public_id,
        "type": "auth.mfa.enabled",
        "data": MFA,
        "timestamp": "2026-01-31T12:00:00Z",
        "environment": "test",
        "organization_id": organization.public_id,
        "test": False,
        "created_at": answer.json()["created_at"],
    }
    assert (stored.app, stored.environment, stored.organization) == (shop.app, "test", organization)


def test_s30_every_key_whose_hash_is_set_works_and_no_other(
    platform: Platform, event: dict[str, Any], settings: Settings
) -> None:
    newer, newer_hash = new_platform_key()
    other, _ = new_platform_key()
    [hash_of_older] = settings.WEBHOOKS_PLATFORM_KEY_HASHES
    settings.WEBHOOKS_PLATFORM_KEY_HASHES = (bytes.fromhex(newer_hash), hash_of_older)

    answers = [Platform(key).post(event) for key in (platform.key, newer, other)]

    assert [answer.status_code for answer in answers] == [202, 202, 401]
    assert answers[2].json() == BAD_KEY
    assert answers[2].headers["WWW-Authenticate"] == "Bearer"
    assert Event.objects.count() == 2


def test_s30_without_hashes_everybody_is_401(platform: Platform, event: dict[str, Any], settings: Settings) -> None:
    settings.WEBHOOKS_PLATFORM_KEY_HASHES = ()

    for answer in (platform.post(event), platform.batch(event)):
        assert (answer.status_code, answer.json()) == (401, BAD_KEY)
    assert Event.objects.count() == 0


def test_s30_a_key_that_is_no_platform_key_is_refused_before_the_body_is_looked_at(
    platform: Platform, event: dict[str, Any], shop: CreatedApp
) -> None:
    mistyped = platform.key[:-1] + ("a" if platform.key[-1] != "a" else "b")
    for key in ("", "x", "ключ", mistyped, shop.live_key, shop.test_key, f"{platform.key} {platform.key}"):
        for body in (event, b"no JSON"):
            with CaptureQueriesContext(connection) as queries:
                answer = Platform(key).post(body)
            assert (answer.status_code, answer.json()) == (401, BAD_KEY), key
            assert len(queries) == 0
    answer = platform.client.post(PATH, event, content_type="application/json")
    assert (answer.status_code, answer.json()) == (401, NO_KEY)
    assert Event.objects.count() == 0


def test_s36_a_session_is_no_key(platform: Platform, event: dict[str, Any]) -> None:
    platform.client.force_login(
        User.objects.create_superuser("root", "root@example.com", "secret"),
        backend="django.contrib.auth.backends.ModelBackend",
    )

    answer = platform.client.post(PATH, event, content_type="application/json")

    assert (answer.status_code, answer.json()) == (401, NO_KEY)
    assert Event.objects.count() == 0


def test_the_platform_key_opens_no_apps_routes(platform: Platform, shop: CreatedApp) -> None:
    for path in ("events", "endpoints", "deliveries"):
        answer = Api(shop.app, platform.key).get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE", "PUT"])
def test_the_routes_take_post_alone(platform: Platform, method: str) -> None:
    answer = platform.client.generic(method, PATH, headers={"Authorization": f"Bearer {platform.key}"})

    assert answer.status_code == 405
    assert answer.json()["message"] == f"This path does not take {method}: use POST."


# What it may ---------------------------------------------------------------------------------------


def test_a_builders_type_is_403_though_it_is_in_the_catalog(
    platform: Platform, event: dict[str, Any], shop: CreatedApp
) -> None:
    make_event_type(shop.app, "order.paid")

    answer = platform.post(event | {"type": "order.paid", "data": {}})

    assert refused(answer) == (403, "builders_event_type", {"type": ["This family is not built in."]})
    assert answer.json()["message"] == (
        "The platform key emits built-in event types only: an app's own types are emitted with a key of that app."
    )
    status, code, details = refused(platform.batch(event, event | {"type": "order.paid", "data": {}}))
    assert (status, code, list(details["events"])) == (403, "builders_event_type", ["1"])


def test_an_app_that_is_not_there_is_404(platform: Platform, event: dict[str, Any], shop: CreatedApp) -> None:
    missing = event | {"app_id": "app_01m84w1vmver3skjvqwnncx601"}

    answer = platform.post(missing)

    assert refused(answer) == (404, "not_found", {"app_id": ["No such app."]})
    status, code, details = refused(platform.batch(event, missing))
    assert (status, code) == (404, "not_found")
    assert details["events"] == {
        "1": {"code": "not_found", "message": "app_id names no app.", "app_id": ["No such app."]}
    }


@pytest.mark.parametrize(
    ("change", "details"),
    [
        ({"app_id": None}, {"app_id": ["Give an id that starts with app_."]}),
        ({"app_id": "shop"}, {"app_id": ["Give an id that starts with app_."]}),
        ({"app_id": 1, "environment": "prod"}, {"app_id": [...], "environment": ["Give live or test."]}),
        ({"environment": ["live"]}, {"environment": ["Give live or test."]}),
        ({"environment": None, "type": 1}, {"environment": ["Give live or test."], "type": ["Give text."]}),
        ({"data": []}, {"data": ["Give a JSON object."]}),
        ({"organization_id": "org_01m84w1vmver3skjvqwnncx601"}, {"organization_id": ["No such organization."]}),
    ],
)
def test_a_field_that_is_wrong_is_400_and_named(
    platform: Platform, event: dict[str, Any], change: dict[str, Any], details: dict[str, Any]
) -> None:
    status, code, told = refused(platform.post(event | change))

    assert (status, code, set(told)) == (400, "invalid", set(details))
    assert {name: told[name] for name, sentences in details.items() if sentences != [...]} == {
        name: sentences for name, sentences in details.items() if sentences != [...]
    }


def test_all_that_is_missing_is_named_at_once_and_what_is_too_much(platform: Platform, event: dict[str, Any]) -> None:
    required = ["This field is required."]
    assert refused(platform.post({})) == (
        400,
        "invalid",
        dict.fromkeys(("app_id", "environment", "type", "data"), required),
    )
    assert refused(platform.post(event | {"test": True}))[:2] == (400, "unknown_field")
    assert refused(platform.post(b'{"app_id":NaN}'))[:2] == (400, "malformed_json")
    assert refused(platform.post([event])) == (400, "invalid", {"body": ["Give a JSON object."]})


def test_s33_an_organization_of_another_app_is_like_a_missing_one(
    platform: Platform, event: dict[str, Any], rival: CreatedApp
) -> None:
    foreign = make_organization(rival.app)

    answer = platform.post(event | {"organization_id": foreign.public_id})

    assert refused(answer) == (400, "invalid", {"organization_id": ["No such organization."]})


def test_data_is_held_against_the_schema_and_its_size(platform: Platform, event: dict[str, Any]) -> None:
    """S28."""
    assert refused(platform.post(event | {"data": {**MFA, "secret": "x"}}))[:2] == (400, "invalid")
    assert refused(platform.post(event | {"data": {**MFA, "factor_type": "x" * 262_144}}))[0] == 413
    assert refused(platform.post(event | {"type": "auth.user.renamed"}))[:2] == (400, "unknown_event_type")


def test_the_limit_of_an_apps_events_a_second_is_not_for_the_platform(
    platform: Platform, event: dict[str, Any], live_api: Api, shop: CreatedApp, settings: Settings
) -> None:
    """S39 holds Builders; the platform neither waits nor spends of theirs."""
    settings.WEBHOOKS_EMIT_RATE = 1
    make_event_type(shop.app, "order.paid")

    answers = [platform.post(event), platform.batch(event, event), platform.post(event)]

    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert EmitBudget.objects.count() == 0
    assert live_api.post("events", {"type": "order.paid", "data": {}}).status_code == 202


# Idempotency ---------------------------------------------------------------------------------------


def test_s42_the_same_key_gives_the_same_event_and_another_body_is_409(
    platform: Platform, event: dict[str, Any]
) -> None:
    first = platform.post(event, headers={"Idempotency-Key": "a"})
    again = platform.post(event | {"idempotency_key": "a"})
    in_batch = platform.batch(event | {"idempotency_key": "a"})
    other = platform.post(event | {"idempotency_key": "a", "data": {**MFA, "user_id": "usr_2"}})

    assert first.json() == again.json() == in_batch.json()["events"][0]
    assert refusal(other) == (409, "idempotency_conflict", {"idempotency_key": ["Used for a different event."]})
    assert Event.objects.count() == 1


def test_s42_a_builders_key_and_the_platforms_do_not_meet(
    platform: Platform, event: dict[str, Any], live_api: Api, shop: CreatedApp
) -> None:
    """A Builder can neither keep a built-in event from being emitted nor learn of its key."""
    make_event_type(shop.app, "order.paid")
    builders = live_api.post("events", {"type": "order.paid", "data": {}, "idempotency_key": "a"})

    assert platform.post(event | {"idempotency_key": "a"}).status_code == 202
    assert live_api.post("events", {"type": "order.paid", "data": {}, "idempotency_key": "a"}).json() == builders.json()
    kept = Event.objects.get(type="auth.mfa.enabled").idempotency_key
    copied = live_api.post("events", {"type": "order.paid", "data": {}, "idempotency_key": kept})
    assert refusal(copied)[:2] == (400, "invalid")
    assert Event.objects.count() == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "a\1", 1])
def test_an_idempotency_key_is_as_builders_are(platform: Platform, event: dict[str, Any], key: object) -> None:
    assert set(refused(platform.post(event | {"idempotency_key": key}))[2]) == {"idempotency_key"}
    assert platform.post(event | {"idempotency_key": "x" * 255}).status_code == 202


# A batch -------------------------------------------------------------------------------------------


def test_a_batch_of_several_apps_and_environments_is_answered_in_its_order(
    platform: Platform, event: dict[str, Any], shop: CreatedApp, rival: CreatedApp
) -> None:
    events = []
    for number in range(8):
        app = (shop if number % 2 else rival).app
        environment = "live" if number % 3 else "test"
        data = {**MFA, "user_id": f"usr_{number}"}
        events.append(event | {"app_id": app.public_id, "environment": environment, "data": data})

    answer = platform.batch(*events)

    assert answer.status_code == 202
    told = answer.json()["events"]
    assert [(one["environment"], one["data"]) for one in told] == [(one["environment"], one["data"]) for one in events]
    by_id = {stored.public_id: stored.app.public_id for stored in Event.objects.select_related("app")}
    assert [by_id[one["id"]] for one in told] == [one["app_id"] for one in events]


def test_a_batch_with_a_wrong_event_of_one_app_emits_nothing_for_another(
    platform: Platform, event: dict[str, Any], rival: CreatedApp
) -> None:
    wrong = event | {"app_id": rival.app.public_id, "data": {}}

    status, code, details = refused(platform.batch(event, event, wrong, event, wrong))

    assert (status, code, list(details["events"])) == (400, "invalid", ["2", "4"])
    assert platform.batch(event, event, wrong).json()["message"].startswith("Event 2: data breaks the schema of ")


def test_a_batch_holds_a_thousand_and_no_more(platform: Platform, event: dict[str, Any]) -> None:
    details = {"events": ["Give 1 to 1,000 events."]}

    assert refused(platform.batch(*[event] * 1_001)) == (400, "invalid", details)
    assert refused(platform.batch()) == (400, "invalid", details)
    assert refused(platform.post({"events": [event]}, f"{PATH}/batch", {"Idempotency-Key": "a"}))[0] == 400
    assert len(platform.batch(*[event] * 1_000).json()["events"]) == Event.objects.count() == 1_000


def test_a_conflict_in_a_batch_undoes_what_another_app_got(
    platform: Platform, event: dict[str, Any], rival: CreatedApp
) -> None:
    taken = event | {"idempotency_key": "a"}
    platform.post(taken)
    other = event | {"app_id": rival.app.public_id}

    answer = platform.batch(other, taken | {"data": {**MFA, "user_id": "usr_2"}}, other)

    status, code, details = refusal(answer)
    assert (status, code, list(details["events"])) == (409, "idempotency_conflict", ["1"])
    assert Event.objects.count() == 1


def test_it_asks_for_app_and_type_and_inserts(platform: Platform, event: dict[str, Any]) -> None:
    platform.post(event)
    with CaptureQueriesContext(connection) as one:
        platform.post(event)
    with CaptureQueriesContext(connection) as batch:
        platform.batch(*[event] * 100)

    asked = ["SELECT"] if connection.vendor == "postgresql" else ["SELECT", "SELECT"]
    assert statements(one) == statements(batch) == [*asked, "INSERT"]


# The document -------------------------------------------------------------------------------------


def test_the_document_lists_the_fields_that_are_read_and_the_keys_own_scheme() -> None:
    assert set(PlatformEmitSerializer().fields) == {*FIELDS, *PLATFORM_FIELDS}
    out = StringIO()
    call_command("spectacular", stdout=out)
    assert "security:\n      - platformKey: []" in out.getvalue()
