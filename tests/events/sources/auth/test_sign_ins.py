"""Sign-ins, refused ones and sign-outs, as events of the app that WEBHOOKS_AUTH_APP names."""

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from events.models import Event
from tests.events.sources.auth.conftest import AGENT, sign_in, told, types
from tests.factories import make_app
from webhooks.models import App, AuditEntry, Membership

pytestmark = pytest.mark.django_db


def test_signing_in_and_out_is_told_by_an_id_that_is_not_the_sessions_key(ada: User) -> None:
    client = sign_in()
    key = client.session.session_key
    client.post("/accounts/logout/")

    (first, created), (second, revoked) = told()
    assert (first, second) == ("auth.session.created", "auth.session.revoked")
    session_id = created["session_id"]
    assert created == {
        "session_id": session_id,
        "user_id": str(ada.pk),
        "method": "password",
        "provider": None,
        "mfa": False,
        "ip": "192.0.2.7",
        "user_agent": AGENT,
        "expires_at": created["expires_at"],
    }
    assert created["expires_at"].endswith("Z")
    assert session_id.startswith("ses_")
    assert key is not None
    assert all(key not in event.payload for event in Event.objects.all())
    assert revoked == {
        "session_id": session_id,
        "user_id": str(ada.pk),
        "reason": "sign_out",
        "revoked_by": str(ada.pk),
    }


def test_every_session_has_an_id_of_its_own(ada: User) -> None:
    sign_in()
    sign_in()

    first, second = [data["session_id"] for _, data in told()]
    assert first != second


def test_a_session_that_ends_with_the_browser_has_no_set_time(ada: User, settings: Settings) -> None:
    settings.SESSION_EXPIRE_AT_BROWSER_CLOSE = True

    sign_in()

    assert told()[0][1]["expires_at"] is None


def test_the_end_of_a_session_that_was_never_told_of_is_not_told(ada: User, app: App, settings: Settings) -> None:
    settings.WEBHOOKS_AUTH_APP = ""
    client = sign_in()
    settings.WEBHOOKS_AUTH_APP = app.slug

    client.post("/accounts/logout/")
    Client().post("/accounts/logout/")

    assert told() == []


def test_a_refused_sign_in_tells_who_it_would_have_been_and_how_often(ada: User) -> None:
    for _ in range(2):
        sign_in(password="a-secret-of-theirs")

    failed = {
        "user_id": str(ada.pk),
        "method": "password",
        "provider": None,
        "reason": "wrong_credentials",
        "ip": "192.0.2.7",
    }
    assert told() == [
        ("auth.sign_in.failed", {**failed, "attempt_count": 1}),
        ("auth.sign_in.failed", {**failed, "attempt_count": 2}),
    ]
    assert "a-secret-of-theirs" not in "".join(event.payload for event in Event.objects.all())


def test_a_name_that_nobody_has_is_not_told_for_it_may_be_a_password(ada: User) -> None:
    sign_in("hunter2-typed-in-the-wrong-field")

    event = Event.objects.get()
    assert event.data["user_id"] is None  # type: ignore[index]
    assert "hunter2" not in event.payload


def test_a_suspended_user_who_tries_is_told_as_such(ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(is_active=False)

    sign_in()

    assert told()[0][1]["reason"] == "suspended"


def test_s38_attempts_while_an_address_waits_are_not_told(ada: User) -> None:
    """Nobody tried anything then; and an attacker cannot have receivers flooded."""
    client = Client(REMOTE_ADDR="192.0.2.7")
    for _ in range(13):
        sign_in(password="wrong", client=client)
    sign_in(client=client)

    assert types() == ["auth.sign_in.failed"] * 10
    assert told()[-1][1]["attempt_count"] == 10


def test_without_a_request_or_a_session_what_is_known_is_told(ada: User) -> None:
    """Signals come from other code as well."""
    from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed

    receivers = {
        signal: [receiver() for _, receiver, *_ in signal.receivers if "events.sources" in receiver().__module__]
        for signal in (user_logged_in, user_logged_out, user_login_failed)
    }
    assert [len(connected) for connected in receivers.values()] == [1, 1, 1]
    receivers[user_logged_in][0](user=ada, request=None)
    receivers[user_logged_out][0](user=ada, request=None)
    receivers[user_login_failed][0](credentials={"token": "********"}, request=None)

    (_, created), (_, failed) = told()
    assert (created["method"], created["ip"], created["user_agent"], created["expires_at"]) == (
        "other",
        None,
        None,
        None,
    )
    assert (failed["user_id"], failed["method"], failed["ip"], failed["attempt_count"]) == (None, "other", None, 1)


def test_s46_a_builders_own_sign_ins_stay_in_the_audit_log(ada: User) -> None:
    other = make_app("Other").app
    Membership.objects.create(app=other, user=ada, role="viewer")
    AuditEntry.objects.all().delete()

    sign_in(password="wrong")
    client = sign_in()
    client.post("/accounts/logout/")

    assert told() == []
    assert [(entry.app, entry.action) for entry in AuditEntry.objects.all()] == [(other, "member.signed_in")]


def test_authenticating_in_code_is_told_as_well(ada: User) -> None:
    from django.test import RequestFactory

    assert authenticate(RequestFactory().post("/"), username="ada", password="wrong") is None

    assert types() == ["auth.sign_in.failed"]
