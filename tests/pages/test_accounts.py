"""Signing in and passwords: limits (S38), the audit log, where one is led; errors as people see them."""

import datetime as dt
from collections.abc import Mapping
from ipaddress import ip_network

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.db.models import F
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from tests.demo import PASSWORD, Demo
from webhooks.models import AuditEntry

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/login/"
ADMIN = "/admin/login/"
NONE: Mapping[str, str] = {}


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada", "ada@northwind.example", PASSWORD)


def sign_in(
    username: str = "ada",
    password: str = PASSWORD,
    *,
    address: str = "192.0.2.7",
    headers: Mapping[str, str] = NONE,
    path: str = LOGIN,
) -> HttpResponse:
    """One attempt from this address, in a browser without history."""
    answer: HttpResponse = Client(REMOTE_ADDR=address).post(  # type: ignore[assignment]
        path, {"username": username, "password": password}, headers=dict(headers)
    )
    return answer


def fail(times: int, **options: object) -> list[int]:
    return [sign_in(password="wrong", **options).status_code for _ in range(times)]  # type: ignore[arg-type]


def test_s38_after_ten_failures_an_address_waits_a_quarter_of_an_hour(ada: User) -> None:
    assert fail(10) == [200] * 9 + [429]

    refused = sign_in()

    assert refused.status_code == 429
    assert 890 <= int(refused.headers["Retry-After"]) <= 900
    assert b"Wait 15 minutes, then try again" in refused.content
    assert "sessionid" not in refused.cookies
    # Attempts while it waits do not make it longer.
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - dt.timedelta(minutes=14, seconds=1))
    assert b"Wait 1 minute, then try again" in sign_in().content
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - dt.timedelta(seconds=60))
    assert sign_in().status_code == 302


def test_s38_other_addresses_sign_in_meanwhile_and_other_user_names_do_not_help(ada: User) -> None:
    for number in range(10):
        fail(1, username=f"user{number}")

    assert sign_in().status_code == 429
    assert sign_in(address="192.0.2.8").status_code == 302


def test_s38_the_admin_site_counts_too(ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(is_staff=True)
    assert fail(5) == [200] * 5
    assert fail(5, path=ADMIN) == [200] * 4 + [429]

    assert sign_in(path=ADMIN).status_code == 429
    assert b"Too many failed sign-ins" in sign_in(path=ADMIN).content
    assert sign_in(path=ADMIN, address="192.0.2.8").status_code == 302


def test_s38_the_address_behind_a_trusted_proxy_is_counted_and_a_claimed_one_is_not(
    ada: User, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = [ip_network("198.51.100.1/32")]
    for number in range(10):
        headers = {"X-Forwarded-For": f"203.0.113.{number}, 192.0.2.7"}
        fail(1, address="198.51.100.1", headers=headers)

    assert sign_in(address="198.51.100.1", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 429
    assert sign_in(address="198.51.100.1", headers={"X-Forwarded-For": "192.0.2.8"}).status_code == 302
    # From anybody else the header says nothing.
    for number in range(10):
        fail(1, address="192.0.2.9", headers={"X-Forwarded-For": f"203.0.113.{number}"})
    assert sign_in(address="192.0.2.9").status_code == 429


def test_s38_a_session_that_exists_goes_on_while_its_address_waits(ada: User) -> None:
    signed_in = Client(REMOTE_ADDR="192.0.2.7")
    signed_in.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    fail(10)

    assert signed_in.get("/").status_code == 200


def test_s31_what_is_kept_of_a_failure_holds_no_password(ada: User, caplog: pytest.LogCaptureFixture) -> None:
    sign_in(password="wrong-but-secret")

    kept = AccessAttempt.objects.get()
    assert "wrong-but-secret" not in f"{kept.post_data} {kept.get_data} {caplog.text}"


def test_s46_a_sign_in_is_in_the_audit_log_of_each_app_of_the_builder(demo: Demo) -> None:
    AuditEntry.objects.all().delete()

    sign_in()
    fail(1)

    entries = AuditEntry.objects.order_by("app__name")
    assert [(entry.app, entry.action, entry.actor_name, entry.ip) for entry in entries] == [
        (demo.app, "member.signed_in", "ada", "192.0.2.7"),
        (demo.other_app, "member.signed_in", "ada", "192.0.2.7"),
    ]
    assert (entries[0].target_type, entries[0].target_name, entries[0].changes) == ("user", "ada", {})


@pytest.mark.parametrize(
    ("next_path", "led_to"),
    [("/apps/x/webhooks/", "/apps/x/webhooks/"), ("https://evil.example/", "/"), ("//evil.example/", "/"), ("", "/")],
)
def test_signing_in_leads_back_within_the_service_only(ada: User, next_path: str, led_to: str) -> None:
    answer = Client().post(LOGIN, {"username": "ada", "password": PASSWORD, "next": next_path})

    assert answer.headers["Location"] == led_to


def test_signing_out_takes_a_form(ada: User) -> None:
    """S36: a link to it signs nobody out."""
    client = Client()
    client.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/accounts/logout/").status_code == 405
    assert client.get("/").status_code == 200

    assert client.post("/accounts/logout/").headers["Location"] == LOGIN
    assert client.get("/").status_code == 302


@pytest.mark.parametrize(
    ("next_path", "led_to"), [("/apps/x/?a=b", "/apps/x/?a=b"), ("https://evil.example/", "/"), ("", "/")]
)
def test_the_theme_is_kept_in_a_cookie_and_leads_back_within_the_service_only(
    client: Client, next_path: str, led_to: str
) -> None:
    answer = client.post("/theme/", {"theme": "dark", "next": next_path})

    cookie = answer.cookies["theme"]
    assert (answer.headers["Location"], cookie.value, cookie["samesite"]) == (led_to, "dark", "Lax")
    assert (bool(cookie["httponly"]), bool(cookie["secure"])) == (True, True)
    assert b'<html lang="en" data-theme="dark">' in client.get(LOGIN).content


def test_a_theme_that_there_is_not_changes_nothing(client: Client) -> None:
    assert "theme" not in client.post("/theme/", {"theme": '"><script>'}).cookies
    client.cookies["theme"] = '"><script>'
    assert b'<html lang="en">' in client.get(LOGIN).content
    assert client.get("/theme/").status_code == 405


def test_s46_a_sign_in_that_cannot_be_put_on_record_does_not_happen(
    demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no entry")

    monkeypatch.setattr(AuditEntry, "save", refuse)
    browser = Client(raise_request_exception=False)

    answer = browser.post(LOGIN, {"username": "ada", "password": PASSWORD})

    assert answer.status_code == 500
    assert User.objects.get(username="ada").last_login is None
    assert browser.get(demo.path).headers["Location"].startswith(LOGIN)
