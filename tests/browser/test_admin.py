"""The admin site in a browser: Django's own pages under our Content-Security-Policy, in our colours."""

import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from deliveries.models import Delivery
from tests.browser.chromium import assert_accessible, assert_fits
from tests.browser.conftest import OpenAs
from tests.demo import PASSWORD, Demo
from webhooks.models import AuditEntry

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def olga(demo: Demo) -> User:
    return User.objects.create_superuser("olga", "olga@switera.example", PASSWORD)


def test_an_operator_signs_in_sees_what_fails_and_retries_it(
    demo: Demo, olga: User, page: Page, live_server: LiveServer
) -> None:
    failed = demo.deliveries["failed"]
    page.goto(f"{live_server.url}/admin/")
    assert_accessible(page)
    assert_fits(page)
    page.set_viewport_size({"width": 1400, "height": 900})
    page.get_by_label("Username").fill("olga")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()

    expect(page.get_by_role("heading", name="Operations")).to_be_visible()
    expect(page.locator(".figure", has_text="Failing endpoints").locator(".badge")).to_have_text("Look")
    assert_accessible(page)
    assert_fits(page)
    page.set_viewport_size({"width": 1400, "height": 900})
    page.get_by_role("link", name="Failing endpoints").click()
    expect(page.get_by_text("Old portal")).to_be_visible()

    page.get_by_label("Find by id").fill(failed.public_id)
    page.get_by_role("button", name="Find", exact=True).click()
    expect(page.get_by_role("heading", name="View delivery")).to_be_visible()
    assert_accessible(page, preload=False)
    assert_fits(page)
    page.set_viewport_size({"width": 1400, "height": 900})
    page.get_by_text(re.compile("^Payload, ")).click()
    expect(page.get_by_role("region", name="Payload")).to_contain_text('"type": "invoice.created"')
    page.get_by_role("link", name="Retry or cancel it").click()

    page.locator("input[name=_selected_action]").check()
    page.get_by_label("Action:").select_option("retry")
    page.get_by_role("button", name="Go").click()

    expect(page.locator(".messagelist")).to_have_text("1 retried.")
    assert Delivery.objects.get(pk=failed.pk).status == "pending"
    assert AuditEntry.objects.get(action="delivery.retried").actor_name == "olga"


def test_the_list_is_filtered_and_acted_on_without_scripts_too(demo: Demo, olga: User, open_as: OpenAs) -> None:
    page = open_as(olga, "/admin/deliveries/delivery/", scripts=False)
    page.get_by_role("link", name="Failed", exact=True).click()
    expect(page).to_have_url(re.compile("status=failed"))
    page.locator("input[name=_selected_action]").first.check()
    page.get_by_label("Action:").select_option("cancel")
    page.get_by_role("button", name="Go").click()

    expect(page.locator(".messagelist")).to_contain_text("0 canceled, 1 could not be: Only a pending delivery")
    page.get_by_role("button", name="Dark").click()
    page.wait_for_load_state()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"


def test_lists_are_accessible_and_fit(demo: Demo, olga: User, open_as: OpenAs) -> None:
    page = open_as(olga, "/admin/deliveries/delivery/?status=failed")
    for path in (
        "/admin/deliveries/delivery/?status=failed",
        "/admin/webhooks/endpoint/",
        "/admin/webhooks/auditentry/",
    ):
        page.goto(path)
        assert_accessible(page)
        assert_fits(page)


def test_s35_every_page_of_djangos_own_works_under_the_policy(demo: Demo, olga: User, open_as: OpenAs) -> None:
    """The console is clean (the fixture looks), and what scripts do on these pages is done."""
    sam = User.objects.create_user("sam")
    page = open_as(olga, f"/admin/auth/user/{sam.pk}/change/")
    expect(page.locator(".selector-chosen").first).to_be_visible()  # made by a script
    expect(page.get_by_role("link", name="Today").first).to_be_visible()
    page.get_by_role("link", name="Delete").click()
    expect(page.get_by_role("button", name=re.compile("^Yes, I"))).to_be_visible()
    for path in (
        "auth/user/",
        "auth/user/add/",
        f"auth/user/{demo.viewer.pk}/password/",
        f"auth/user/{demo.viewer.pk}/history/",
        "auth/group/add/",
        "axes/accessattempt/",
        "deliveries/",
        "password_change/",
        f"webhooks/app/{demo.app.pk}/change/",
        "find/?id=nope",
    ):
        page.goto(f"/admin/{path}")
        expect(page.get_by_role("main")).to_be_visible()
    page.goto("/admin/auth/user/")
    page.get_by_role("row").filter(has_text="sam").get_by_role("checkbox").check()
    page.get_by_label("Action:").select_option("delete_selected")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_role("button", name=re.compile("^Yes, I"))).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
