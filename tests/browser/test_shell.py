"""What every page of an app has around it: switches, tabs, menus, theme; with scripts and without, wide and narrow."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import assert_accessible, assert_fits
from tests.browser.conftest import OpenAs
from tests.demo import Demo

pytestmark = pytest.mark.django_db(transaction=True)
TABS = ["Overview", "Endpoints", "Deliveries", "Event Catalog", "Test Send"]
PAGES = ["", "endpoints/", "endpoints/add/", "endpoints/{Billing}/", "deliveries/", "deliveries/{failed}/",
         "event-catalog/", "event-catalog/order.paid/", "test-send/",
         "/organizations/", "/organizations/add/", "/organizations/{Acme}/",
         "/api-keys/", "/members/", "/audit-logs/"]  # fmt: skip


@pytest.mark.parametrize("scripts", [True, False])
def test_a_builder_walks_through_all_tabs(demo: Demo, open_as: OpenAs, scripts: bool) -> None:
    page = open_as(demo.owner, "/", scripts=scripts)
    page.get_by_role("link", name="Northwind Orders").click()
    for name in TABS:
        tab = page.get_by_role("navigation", name="Webhooks", exact=True).get_by_role("link", name=name, exact=True)
        tab.click()
        expect(tab).to_have_attribute("aria-current", "page")
        expect(page).to_have_title(f"{name} · Northwind Orders · Switera")
    expect(page.get_by_role("heading", level=1)).to_have_text("Webhooks")


@pytest.mark.parametrize("scripts", [True, False])
def test_the_test_environment_cannot_be_overlooked(demo: Demo, open_as: OpenAs, scripts: bool) -> None:
    page = open_as(demo.owner, f"{demo.path}deliveries/", scripts=scripts)
    switch = page.get_by_role("navigation", name="Environment")
    expect(switch.get_by_role("link", name="Live")).to_have_attribute("aria-current", "true")
    expect(page.get_by_text("Test environment.")).to_have_count(0)

    switch.get_by_role("link", name="Test").click()

    expect(page).to_have_url(re.compile(f"{demo.test_path}deliveries/$"))
    expect(page).to_have_title("Test: Deliveries · Northwind Orders · Switera")
    stripe = page.get_by_text("Test environment.")
    expect(stripe).to_be_visible()
    box = page.locator(".test-stripe").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] == 1280
    page.get_by_role("link", name="Endpoints", exact=True).click()
    expect(stripe).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_the_app_switcher_leads_to_the_same_tab_of_another_app(demo: Demo, open_as: OpenAs, scripts: bool) -> None:
    page = open_as(demo.owner, f"{demo.test_path}deliveries/", scripts=scripts)
    side = page.get_by_role("complementary", name="Menu")
    side.get_by_text("Northwind Orders").click()
    expect(side.get_by_role("link", name="Contoso")).to_have_count(0)

    side.get_by_role("link", name="Northwind Returns").click()

    expect(page).to_have_url(re.compile(f"/apps/{demo.other_app.slug}/test/webhooks/deliveries/$"))


def test_menus_close_on_escape_outside_and_when_the_focus_leaves(demo: Demo, open_as: OpenAs) -> None:
    page = open_as(demo.owner, demo.path)
    account = page.locator(".account details")

    def open_menu() -> None:
        account.locator("summary").click()
        expect(account).to_have_attribute("open", "")

    open_menu()
    page.keyboard.press("Escape")
    expect(account).not_to_have_attribute("open", "")
    open_menu()
    page.get_by_role("heading", level=1).click()
    expect(account).not_to_have_attribute("open", "")
    open_menu()
    account.get_by_role("link", name="Change password").focus()
    page.get_by_role("link", name="Overview").focus()
    expect(account).not_to_have_attribute("open", "")


def test_the_keyboard_reaches_content_first_and_a_menu_with_its_entries(demo: Demo, open_as: OpenAs) -> None:
    page = open_as(demo.owner, demo.path)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()

    page.locator("details.switcher summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Northwind Returns")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("details.switcher summary")).to_be_focused()
    expect(page.get_by_role("link", name="Northwind Returns")).to_be_hidden()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_chosen_theme_is_remembered(demo: Demo, open_as: OpenAs, scripts: bool) -> None:
    page = open_as(demo.owner, demo.path, scripts=scripts, color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground) if scripts else None
    page.locator(".account summary").click()
    with page.expect_response(lambda response: response.url.endswith("/theme/")) as chosen:
        page.get_by_role("button", name="Dark").click()
    assert chosen.value.status == (204 if scripts else 302)
    # At once with scripts, and from the server afterwards: there is no flash of the other theme.
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto(f"{demo.path}endpoints/")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    if scripts:
        assert page.evaluate(ground) != light
    page.locator(".account summary").click()
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="System").click()
    expect(page.locator("html")).not_to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize("scripts", [True, False])
def test_on_a_narrow_screen_the_side_folds_into_a_menu(demo: Demo, open_as: OpenAs, scripts: bool) -> None:
    page = open_as(demo.owner, f"{demo.path}endpoints/", scripts=scripts, viewport={"width": 375, "height": 700})
    webhooks = page.get_by_role("complementary", name="Menu").get_by_role("link", name="Webhooks")
    expect(webhooks).to_be_hidden()

    page.get_by_role("button", name="Menu", exact=True).click()
    expect(webhooks).to_be_visible()
    page.get_by_role("button", name="Close menu").click()
    expect(webhooks).to_be_hidden()
    page.get_by_role("button", name="Menu", exact=True).click()
    webhooks.click()
    expect(page).to_have_url(re.compile(f"{demo.path}$"))


def test_s37_a_viewer_reads_but_finds_no_way_to_change(demo: Demo, open_as: OpenAs) -> None:
    page = open_as(demo.viewer, demo.path)
    expect(page.get_by_role("link", name="Add Webhook")).to_have_count(0)

    page.goto(f"{demo.path}endpoints/add/")

    expect(page.get_by_role("heading", name="You may not do that")).to_be_visible()
    page.get_by_role("link", name="Your apps").click()
    expect(page.get_by_role("link", name="Northwind Orders")).to_be_visible()


def test_s33_an_app_of_others_is_a_plain_page_that_leads_back(demo: Demo, open_as: OpenAs) -> None:
    page = open_as(demo.owner, f"/apps/{demo.foreign_app.slug}/webhooks/")

    expect(page.get_by_role("heading", name="Nothing is here")).to_be_visible()
    expect(page.get_by_text("Contoso")).to_have_count(0)
    assert_accessible(page)
    assert_fits(page)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_accessible_in_both_themes_and_fits_a_narrow_screen(
    demo: Demo, open_as: OpenAs, path: str
) -> None:
    base = f"/apps/{demo.app.slug}" if path.startswith("/") else demo.path
    page = open_as(demo.owner, base + path.format(**demo.ids))
    assert_accessible(page)
    assert_fits(page)
    assert_accessible(page)
    page.get_by_role("button", name="Menu", exact=True).click()
    page.locator(".account summary").click()
    assert_accessible(page)


def test_the_test_environment_and_the_list_of_apps_are_accessible_and_fit(demo: Demo, open_as: OpenAs) -> None:
    page: Page = open_as(demo.owner, demo.test_path)
    for path in (demo.test_path, "/"):
        page.set_viewport_size({"width": 1280, "height": 720})
        page.goto(path)
        assert_accessible(page)
        assert_fits(page)
