"""API Keys, Members and Audit Logs in a browser: the whole flows, with scripts and without."""

import csv
import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from deliveries.endpoints import update_endpoint
from events.event_types import update_event_type
from events.models import EventType
from tests.browser.chromium import assert_accessible, assert_fits
from tests.browser.conftest import OpenAs
from tests.demo import PASSWORD, Demo
from webhooks.api_keys import find_api_key
from webhooks.audit import Actor
from webhooks.models import ApiKey, AuditEntry, Membership

pytestmark = pytest.mark.django_db(transaction=True)


def confirm(page: Page, button: str, *, scripts: bool) -> None:
    """Without scripts a form is sent at once."""
    if scripts:
        page.get_by_role("dialog").get_by_role("button", name=button).click()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_key_is_made_shown_once_rotated_and_revoked(demo: Demo, open_as: OpenAs, scripts: bool) -> None:
    page = open_as(demo.developer, f"/apps/{demo.app.slug}/test/api-keys/", scripts=scripts)
    page.get_by_role("button", name="New test key").click()
    shown = page.locator(".secret code")
    first = shown.inner_text()
    key = find_api_key(first)
    assert key is not None
    assert (key.app, key.environment, key.created_by_name) == (demo.app, "test", "dev")
    if scripts:
        assert_accessible(page)
        assert_fits(page)
        page.set_viewport_size({"width": 1280, "height": 720})
    page.reload()
    expect(shown).to_have_count(0)
    expect(page.get_by_role("heading", name=key.masked)).to_be_visible()

    page.get_by_label("1 hour").check()
    page.get_by_role("button", name="Rotate the key").click()

    expect(page.get_by_text(f"This key takes the place of {key.masked}")).to_be_visible()
    second = shown.inner_text()
    assert second != first
    assert find_api_key(first) is not None
    page.get_by_role("link", name="API Keys").first.click()
    row = page.get_by_role("row").filter(has_text=key.masked)
    expect(row).to_contain_text("On its way out")
    expect(row.get_by_role("link", name="Rotate")).to_have_count(0)

    row.get_by_role("link", name=f"Revoke {key.masked}").click()
    page.get_by_role("button", name="Revoke the key").click()

    expect(page.get_by_text(f"{key.masked} is revoked")).to_be_visible()
    assert find_api_key(first) is None
    assert find_api_key(second) is not None
    page.get_by_role("link", name="Ended").click()
    expect(page.get_by_role("row").filter(has_text=key.masked)).to_contain_text("Revoked")
    assert ApiKey.objects.filter(app=demo.app, environment="test").count() == 3


def test_a_button_that_is_pressed_twice_does_it_once(demo: Demo, open_as: OpenAs) -> None:
    page = open_as(demo.developer, f"/apps/{demo.app.slug}/test/api-keys/")
    before = ApiKey.objects.count()
    page.get_by_role("button", name="New test key").dblclick()
    expect(page.locator(".secret code")).to_be_visible()
    assert ApiKey.objects.count() == before + 1
    page.go_back()
    page.get_by_role("button", name="New test key").click()
    expect(page.locator(".secret code")).to_be_visible()
    assert ApiKey.objects.count() == before + 2


@pytest.mark.parametrize("scripts", [True, False])
def test_an_owner_adds_changes_and_removes_a_member_who_leaves_another(
    demo: Demo, open_as: OpenAs, scripts: bool
) -> None:
    User.objects.create_user("eve", "eve@northwind.example", PASSWORD)
    page = open_as(demo.owner, f"/apps/{demo.app.slug}/members/", scripts=scripts)
    page.get_by_label("E-mail address").fill("nobody@northwind.example")
    page.get_by_label("Viewer: looks").check()
    page.get_by_role("button", name="Add the member").click()
    expect(
        page.get_by_text("No Builder has this address: ask an operator of this service to make an account with it.")
    ).to_be_visible()
    expect(page.get_by_label("Viewer: looks")).to_be_checked()
    if scripts:
        assert_accessible(page)
        assert_fits(page)
        page.set_viewport_size({"width": 1280, "height": 720})

    page.get_by_label("E-mail address").fill("eve@northwind.example")
    page.get_by_role("button", name="Add the member").click()
    expect(page.get_by_text("eve is a viewer of Northwind Orders now.")).to_be_visible()
    page.get_by_label("Role of eve").select_option("Owner")
    page.get_by_role("button", name="Save the role of eve").click()
    expect(page.get_by_text("eve is an owner now.")).to_be_visible()
    page.get_by_role("button", name="Remove vic").click()
    confirm(page, "Remove", scripts=scripts)
    expect(page.get_by_text("vic is no member of Northwind Orders any more.")).to_be_visible()

    page.get_by_role("button", name="Leave the app").click()
    confirm(page, "Leave", scripts=scripts)

    expect(page.get_by_role("heading", level=1, name="Your apps")).to_be_visible()
    members = Membership.objects.filter(app=demo.app).order_by("user__username")
    assert list(members.values_list("user__username", "role")) == [("dev", "developer"), ("eve", "owner")]


@pytest.mark.parametrize("scripts", [True, False])
def test_the_audit_log_is_narrowed_read_and_exported(
    demo: Demo, open_as: OpenAs, tmp_path: Path, scripts: bool
) -> None:
    ada = Actor.of_user(demo.owner, "192.0.2.7")
    update_endpoint(demo.endpoints["Billing"], {"name": "=Invoices"}, ada)
    order_paid = EventType.objects.get(app=demo.app, name="order.paid")
    update_event_type(order_paid, {"schema": {**dict(order_paid.schema or {}), "description": "An order."}}, ada)
    page = open_as(demo.viewer, f"/apps/{demo.app.slug}/audit-logs/", scripts=scripts)
    log = page.get_by_role("table", name="Audit log, newest first")
    newest = log.get_by_role("row").nth(1)
    expect(newest).to_contain_text("Event type changed")
    newest.get_by_text("Schema, after").click()
    expect(newest.get_by_role("region", name="Schema, after")).to_contain_text('"type": "object"')
    if scripts:
        assert_accessible(page)
        assert_fits(page)
        page.set_viewport_size({"width": 1280, "height": 720})

    page.get_by_label("Action").select_option("Endpoint changed")
    if not scripts:
        page.get_by_role("button", name="Apply").click()

    expect(page).to_have_url(re.compile("action=endpoint.updated"))
    expect(log.get_by_role("row")).to_have_count(2)
    expect(log.get_by_role("row").nth(1)).to_contain_text(re.compile(r"Billing\s*→\s*to\s*=Invoices"))
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    file = tmp_path / "audit.csv"
    download.value.save_as(file)
    assert re.fullmatch(r"northwind-orders-audit-\d{4}-\d\d-\d\d\.csv", download.value.suggested_filename)
    with file.open(encoding="utf-8-sig", newline="") as lines:
        [row] = csv.DictReader(lines)
    assert (row["action"], row["target_name"], row["actor_name"]) == ("endpoint.updated", "'=Invoices", "ada")
    assert AuditEntry.objects.get(action="audit.exported").actor_name == "vic"

    page.get_by_role("link", name="=Invoices").click()
    expect(page).to_have_url(re.compile(f"/webhooks/endpoints/{demo.ids['Billing']}/$"))


def test_filters_that_match_nothing_or_are_wrong_are_accessible(demo: Demo, open_as: OpenAs) -> None:
    page = open_as(demo.owner, f"/apps/{demo.app.slug}/audit-logs/?action=replay.canceled")
    expect(page.get_by_role("heading", name="No entry matches")).to_be_visible()
    assert_accessible(page)
    wrong = "?when=custom&after=2026-02-01T00:00&before=2026-01-01T00:00"
    page.goto(f"/apps/{demo.app.slug}/audit-logs/{wrong}")
    expect(page.get_by_role("heading", name="This filter is not understood")).to_be_visible()
    assert_accessible(page)
    assert_fits(page)


def test_s37_support_is_told_so_on_every_page_and_finds_no_way_to_change(demo: Demo, open_as: OpenAs) -> None:
    root = User.objects.create_superuser("root", password=PASSWORD)
    page = open_as(root, demo.path)
    banner = page.get_by_role("complementary", name="Support")
    expect(banner).to_contain_text("You are looking as support: you can read, not change.")
    assert_accessible(page)
    assert_fits(page)
    page.set_viewport_size({"width": 1280, "height": 720})

    for section in ("API Keys", "Members", "Audit Logs"):
        page.get_by_role("complementary", name="Menu").get_by_role("link", name=section).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(section)
        expect(banner).to_be_visible()
        assert page.locator("main form[method=post]").count() == 0
    expect(page.get_by_role("row").nth(1)).to_contain_text("Looked at by support")
    assert AuditEntry.objects.filter(action="support.viewed").count() == 1
