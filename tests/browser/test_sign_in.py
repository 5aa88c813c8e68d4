"""Signing in, the list of a Builder's apps, signing out, passwords."""

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core import mail as django_mail
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.chromium import assert_accessible, assert_fits
from webhooks.app_setup import create_app
from webhooks.audit import SYSTEM
from webhooks.members import add_member
from webhooks.models import Role

pytestmark = pytest.mark.django_db(transaction=True)


def sign_in(page: Page, server: LiveServer, password: str = "right password") -> None:
    page.goto(f"{server.url}/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(password)
    with page.expect_response(lambda response: response.request.method == "POST"):
        page.get_by_role("button", name="Sign in").click()


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada", "ada@example.com", "right password")


def test_a_builder_signs_in_and_sees_only_their_own_apps(page: Page, live_server: LiveServer, ada: User) -> None:
    mine = create_app("Shop", owner=ada, actor=SYSTEM).app
    shared = create_app("Club", actor=SYSTEM).app
    add_member(shared, ada, Role.VIEWER, SYSTEM)
    create_app("Not mine", actor=SYSTEM)

    sign_in(page, live_server)

    expect(page.get_by_role("heading", name="Your apps")).to_be_visible()
    rows = page.get_by_role("row").filter(has=page.get_by_role("rowheader"))
    expect(rows).to_have_text([f"Club {shared.public_id} Viewer", f"Shop {mine.public_id} Owner"])


def test_a_wrong_password_is_told_and_the_username_stays(page: Page, live_server: LiveServer, ada: User) -> None:
    sign_in(page, live_server, password="wrong password")

    expect(page.get_by_role("alert")).to_contain_text("Not signed in.")
    expect(page.get_by_label("Username")).to_have_value("ada")


def test_a_builder_without_an_app_is_told_how_to_get_one_and_signs_out(
    page: Page, live_server: LiveServer, ada: User
) -> None:
    sign_in(page, live_server)

    expect(page.get_by_text("No app yet.")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_list_of_apps_leads_to_the_webhooks_of_each(page: Page, live_server: LiveServer, ada: User) -> None:
    create_app("A shop with quite a long name that has to wrap somewhere", slug="shop", owner=ada, actor=SYSTEM)
    sign_in(page, live_server)
    assert_fits(page)
    assert_accessible(page)

    page.get_by_role("link", name="A shop").click()

    expect(page).to_have_url(f"{live_server.url}/apps/shop/webhooks/")


def test_the_sign_in_is_accessible_and_fits_also_when_it_refuses(
    page: Page, live_server: LiveServer, ada: User
) -> None:
    page.goto(f"{live_server.url}/")
    assert_accessible(page)
    sign_in(page, live_server, password="wrong password")
    assert_accessible(page)
    assert_fits(page)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_forgotten_password_is_set_anew_by_mail_once(
    new_page: Callable[..., Page], live_server: LiveServer, ada: User, scripts: bool
) -> None:
    page = new_page(scripts=scripts)
    page.goto(f"{live_server.url}/")
    page.get_by_role("link", name="Forgotten your password?").click()
    page.get_by_label("Email").fill("ada@example.com")
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()

    [mail] = django_mail.outbox
    assert (mail.to, mail.subject) == (["ada@example.com"], "Set a new password for Switera Webhooks")
    assert mail.from_email == "Switera Webhooks <no-reply@testserver>"
    link = re.search(r"http://\S+", str(mail.body))
    assert link
    page.goto(link[0])
    page.get_by_label("New password", exact=True).fill("12345")
    page.get_by_label("New password confirmation").fill("12345")
    page.get_by_role("button", name="Set this password").click()
    expect(page.get_by_text("This password is too short.")).to_be_visible()
    page.get_by_label("New password", exact=True).fill("quite another one")
    page.get_by_label("New password confirmation").fill("quite another one")
    page.get_by_role("button", name="Set this password").click()
    expect(page.get_by_role("heading", name="Your password is set")).to_be_visible()
    page.get_by_role("link", name="Sign in").click()
    sign_in(page, live_server, password="quite another one")
    expect(page.get_by_role("heading", name="Your apps")).to_be_visible()

    page.goto(link[0])

    expect(page.get_by_role("heading", name="This link does not work any more")).to_be_visible()


def test_an_address_of_no_account_gets_the_same_answer_and_no_mail(
    page: Page, live_server: LiveServer, ada: User
) -> None:
    page.goto(f"{live_server.url}/accounts/password/reset/")
    assert_accessible(page)
    page.get_by_label("Email").fill("nobody@example.com")
    page.get_by_role("button", name="Send the link").click()

    expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()
    assert django_mail.outbox == []


def test_a_password_is_changed_and_bad_input_says_what_is_wrong(page: Page, live_server: LiveServer, ada: User) -> None:
    sign_in(page, live_server)
    page.locator(".account summary").click()
    page.get_by_role("link", name="Change password").click()
    expect(page.get_by_label("Old password")).to_be_visible()
    assert_accessible(page)
    assert_fits(page)
    page.get_by_label("Old password").fill("wrong password")
    page.get_by_label("New password", exact=True).fill("quite another one")
    page.get_by_label("New password confirmation").fill("quite another one")
    page.get_by_role("button", name="Change password").click()
    old = page.get_by_label("Old password")
    expect(old).to_have_accessible_description(re.compile("Your old password was entered incorrectly."))
    assert_accessible(page)

    old.fill("right password")
    page.get_by_label("New password", exact=True).fill("quite another one")
    page.get_by_label("New password confirmation").fill("quite another one")
    page.get_by_role("button", name="Change password").click()

    expect(page.get_by_role("status").filter(has_text="Your password is changed.")).to_be_visible()
    ada.refresh_from_db()
    assert ada.check_password("quite another one")


def test_s38_an_address_that_failed_too_often_is_told_how_long_it_waits(
    page: Page, live_server: LiveServer, ada: User
) -> None:
    for _ in range(10):
        sign_in(page, live_server, password="wrong password")

    expect(page.get_by_role("heading", name="Too many failed sign-ins")).to_be_visible()
    expect(page.get_by_text("Wait 15 minutes, then try again")).to_be_visible()
    assert_accessible(page)
    assert_fits(page)


def test_the_api_documentation_renders_under_the_content_security_policy(page: Page, live_server: LiveServer) -> None:
    """S35: no inline script or style is needed; the page fixture fails on anything blocked."""
    page.goto(f"{live_server.url}/api/docs/")

    expect(page.get_by_text("Emit an event", exact=True)).to_be_visible()
