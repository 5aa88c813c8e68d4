"""Only a good key of the app in the path gets in, and nothing but a key (S30, S33, S36)."""

import datetime as dt

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from events.models import Event
from tests.api.conftest import Api
from tests.factories import make_event_type, make_key
from webhooks.app_setup import CreatedApp

NO_KEY = {
    "code": "unauthorized",
    "message": "Give an API key in the header: Authorization: Bearer sk_…",
    "details": {},
}
BAD_KEY = {
    "code": "unauthorized",
    "message": "This API key is malformed, unknown, revoked or expired: use a current key of the app.",
    "details": {},
}
NOT_FOUND = {
    "code": "not_found",
    "message": "Nothing is here: check the path and the ids in it.",
    "details": {},
}


@pytest.mark.parametrize("header", [None, "", "Bearer", "sk_live_x", "Basic c2tfbGl2ZQ=="])
def test_without_a_bearer_token_it_is_401_with_a_challenge(live_api: Api, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = live_api.client.get(live_api.base + "events", headers=headers)

    expected = BAD_KEY if header == "Bearer" else NO_KEY
    assert (answer.status_code, answer.json()) == (401, expected)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_malformed_unknown_revoked_and_expired_keys_are_told_the_same(live_api: Api, shop: CreatedApp) -> None:
    """S30."""
    now = timezone.now()
    _, revoked = make_key(shop.app, revoked_at=now)
    _, expired = make_key(shop.app, expires_at=now - dt.timedelta(seconds=1))
    mistyped = shop.live_key[:-1] + ("a" if shop.live_key[-1] != "a" else "b")
    unknown = "sk_live_" + "0" * 49
    for key in ("x", "ключ", f"{shop.live_key} {shop.live_key}", mistyped, unknown, revoked, expired):
        answer = Api(shop.app, key).get("events")

        assert (answer.status_code, answer.json()) == (401, BAD_KEY), key
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_key_that_expires_later_works_until_then(shop: CreatedApp) -> None:
    _, text = make_key(shop.app, expires_at=timezone.now() + dt.timedelta(hours=1))

    assert Api(shop.app, text).get("events").status_code == 200


def test_the_scheme_is_read_in_any_case(live_api: Api) -> None:
    answer = live_api.client.get(live_api.base + "events", headers={"Authorization": f"bearer {live_api.key}"})

    assert answer.status_code == 200


def test_a_key_at_another_apps_path_gets_what_a_missing_app_gets(live_api: Api, rival_api: Api) -> None:
    """S33."""
    missing = "/api/v1/apps/app_01m84w1vmver3skjvqwnncx601/"
    for base in (rival_api.base, missing, "/api/v1/apps/shop/"):
        answer = live_api.client.get(base + "events", headers={"Authorization": f"Bearer {live_api.key}"})

        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


def test_no_answer_sets_a_cookie_or_is_cached(live_api: Api) -> None:
    """S36."""
    for answer in (live_api.get("events"), live_api.get("events/x"), Api.get(live_api, "nothing")):
        assert dict(answer.cookies) == {}
        assert "Cookie" not in answer.headers.get("Vary", "")
    assert live_api.get("events").headers["Cache-Control"] == "no-store"


def test_a_signed_in_session_without_a_key_is_401_and_emits_nothing(live_api: Api, shop: CreatedApp) -> None:
    """S36: the API uses no cookies."""
    make_event_type(shop.app)
    live_api.client.force_login(User.objects.create_superuser("ada", "ada@example.com", "secret"))

    answer = live_api.client.post(
        live_api.base + "events", {"type": "order.paid", "data": {}}, content_type="application/json"
    )

    assert (answer.status_code, answer.json()) == (401, NO_KEY)
    assert Event.objects.count() == 0


def test_a_key_needs_no_csrf_token_even_beside_a_session(live_api: Api, shop: CreatedApp) -> None:
    """S36: the client enforces CSRF, and the key alone lets it in."""
    make_event_type(shop.app)
    live_api.client.force_login(User.objects.create_user("ada"))

    assert live_api.post("events", {"type": "order.paid", "data": {}}).status_code == 202
