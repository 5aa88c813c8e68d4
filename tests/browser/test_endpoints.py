"""The tab Endpoints in a browser: the whole flows, with scripts and without."""

import re

import pytest
from playwright.sync_api import Page, expect

from deliveries.models import Delivery
from tests.browser.chromium import assert_accessible, assert_fits
from tests.browser.conftest import OpenAs
from tests.demo import Demo
from tests.factories import URL
from webhooks.models import Endpoint

pytestmark = pytest.mark.django_db(transaction=True)
PAGES = [
    "endpoints/",
    "endpoints/{Billing}/",
    "endpoints/{Billing}/settings/",
    "endpoints/{Billing}/secret/",
    "endpoints/{Billing}/setup/",
    "endpoints/{Billing}/setup/?delivery={billing test}",
    "endpoints/{Billing}/disable/",
    "endpoints/{Sandbox ERP}/enable/",
    "endpoints/{Billing}/delete/",
]


def endpoint_path(demo: Demo, name: str, section: str = "") -> str:
    return f"{demo.path}endpoints/{demo.ids[name]}/{section}"


def family(page: Page, name: str) -> str:
    return page.get_by_role("group", name=name, exact=True).inner_text()


def test_the_list_leads_to_each_endpoint_and_its_last_delivery(demo: Demo, open_as: OpenAs) -> None:
    page = open_as(demo.owner, f"{demo.path}endpoints/")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="Sandbox ERP"))
    expect(row).to_contain_text("1 held")

    row.get_by_role("link", name="Held").click()
    expect(page).to_have_url(re.compile(demo.ids["held"]))
    page.goto(f"{demo.path}endpoints/")
    page.get_by_role("link", name="Sandbox ERP").click()

    expect(page.get_by_role("heading", level=2, name="Sandbox ERP")).to_be_visible()
    expect(page.get_by_text("It is disabled: nothing is sent to it but test sends.")).to_be_visible()


def test_a_url_is_judged_as_it_is_typed(demo: Demo, open_as: OpenAs) -> None:
    page = open_as(demo.owner, f"{demo.path}endpoints/add/")
    url, verdict = page.get_by_label("Receiver URL"), page.locator("#url-verdict")
    expect(url).to_be_focused()

    url.press_sequentially("https://10.0.0.1/")
    expect(verdict).to_contain_text("Not accepted")
    expect(verdict).to_contain_text("10.0.0.1 is a private address")
    assert_accessible(page)
    url.fill(URL)
    expect(verdict).to_contain_text("Accepted")
    url.fill("")
    expect(verdict).to_be_empty()


def test_the_picker_is_searched_and_tells_what_is_chosen(demo: Demo, open_as: OpenAs) -> None:
    page = open_as(demo.owner, f"{demo.path}endpoints/add/")
    search = page.get_by_label("Search event types")
    told = page.locator("[data-picker-count]")
    expect(told).to_have_text("None chosen yet")

    search.fill("paid back")
    expect(page.locator("[data-picker-type]:visible")).to_have_count(1)
    search.press("Enter")  # does not send the form
    page.get_by_role("checkbox", name="order.refunded").check()
    expect(told).to_have_text("Chosen: order.refunded")
    search.fill("nothing like it")
    expect(page.get_by_text("No type matches.")).to_be_visible()
    search.fill("")
    page.get_by_role("checkbox", name="All of invoice").check()

    expect(told).to_have_text("Chosen: invoice.*, order.refunded")
    assert "included" in family(page, "invoice")
    assert "included" not in family(page, "order")
    page.get_by_role("checkbox", name="All events").check()
    assert "included" in family(page, "order")
    assert "included" not in family(page, "webhook")


@pytest.mark.parametrize("scripts", [True, False])
def test_an_endpoint_is_added_corrected_and_changed(demo: Demo, open_as: OpenAs, scripts: bool) -> None:
    page = open_as(demo.owner, f"{demo.path}endpoints/add/", scripts=scripts)
    page.get_by_label("Receiver URL").fill("https://localhost/hooks")
    page.get_by_label("Name optional").fill("Order desk")
    page.get_by_role("checkbox", name="All of order").check()
    page.get_by_text("More: description").click()
    page.get_by_label("Header name").first.fill("X-Team")
    page.get_by_label("Header value").first.fill("blue")
    page.get_by_role("button", name="Add a row").click()
    expect(page.get_by_label("Header name")).to_have_count(2 if scripts else 3)
    page.get_by_label("Header name").nth(1).fill("X-Desk")
    page.get_by_label("Header value").nth(1).fill("4")
    page.get_by_role("button", name="Save endpoint").click()

    expect(page.get_by_text("Not saved yet.")).to_be_visible()
    expect(page.get_by_label("Name optional")).to_have_value("Order desk")
    expect(page.get_by_role("checkbox", name="All of order")).to_be_checked()
    expect(page.get_by_label("Header value").first).to_have_value("blue")
    if scripts:
        assert_accessible(page)
    page.get_by_label("Receiver URL").fill(URL)
    page.get_by_label("Receiver URL").press("Enter")

    expect(page.get_by_role("heading", name="1. Store the secret")).to_be_visible()
    expect(page.locator(".secret")).to_contain_text("whsec_")
    endpoint = Endpoint.objects.get(name="Order desk")
    assert (endpoint.url, endpoint.event_types, set(endpoint.headers)) == (URL, ["order.*"], {"X-Team", "X-Desk"})

    page.get_by_role("link", name="Settings", exact=True).click()
    expect(page.get_by_label("Header value").first).to_have_value("••••••••")
    page.get_by_label("Name optional").fill("Front desk")
    page.get_by_role("button", name="Save changes").click()

    expect(page.get_by_text("Saved. The next message goes out with these settings.")).to_be_visible()
    changed = Endpoint.objects.get(pk=endpoint.pk)
    assert (changed.name, changed.headers) == ("Front desk", endpoint.headers)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_snippet_is_chosen_and_a_test_event_sent(demo: Demo, open_as: OpenAs, scripts: bool) -> None:
    page = open_as(demo.owner, endpoint_path(demo, "Brand new", "setup/"), scripts=scripts)
    expect(page.get_by_role("radio", name="Python (Django)")).to_be_checked()
    page.get_by_text("Go", exact=True).click()
    expect(page.get_by_text("http.HandleFunc")).to_be_visible()
    expect(page.get_by_text("urlpatterns")).to_be_hidden()

    page.get_by_role("button", name="Send test event").click()

    expect(page.get_by_text("It is on its way.")).to_be_visible()
    again = page.get_by_role("link", name="Look again")
    if scripts:
        expect(again).to_be_hidden()
    else:
        again.click()
        expect(page.get_by_text("It is on its way.")).to_be_visible()
    assert Delivery.objects.filter(endpoint=demo.endpoints["Brand new"], test=True).count() == 1


@pytest.mark.parametrize("scripts", [True, False])
def test_a_secret_is_revealed_and_rotated(demo: Demo, open_as: OpenAs, scripts: bool) -> None:
    page = open_as(demo.owner, endpoint_path(demo, "Billing", "secret/"), scripts=scripts)
    shown = page.locator(".secret code")
    expect(shown).to_have_text("whsec_••••••••")
    page.get_by_role("button", name="Reveal the secret").click()
    expect(shown).to_have_text(re.compile(r"^whsec_[A-Za-z0-9+/]{43}=$"))
    old = shown.inner_text()

    page.get_by_label("7 days").check()
    page.get_by_role("button", name="Rotate the secret").click()
    if scripts:
        expect(page.get_by_role("dialog")).to_contain_text("Make a new secret for Billing?")
        page.get_by_role("dialog").get_by_role("button", name="Rotate the secret").click()

    expect(page.get_by_text("There is a new secret.")).to_be_visible()
    expect(shown).to_have_text(re.compile(r"^whsec_[A-Za-z0-9+/]{43}=$"))
    assert shown.inner_text() != old
    expect(page.get_by_text("On its way out")).to_have_count(1)


@pytest.mark.parametrize("scripts", [True, False])
def test_an_endpoint_is_disabled_enabled_and_deleted(demo: Demo, open_as: OpenAs, scripts: bool) -> None:
    page = open_as(demo.owner, endpoint_path(demo, "Billing"), scripts=scripts)
    page.get_by_role("link", name="Disable").click()
    page.get_by_role("button", name="Disable the endpoint").click()
    expect(page.get_by_text("One delivery is held.")).to_be_visible()

    page.get_by_role("link", name="Enable", exact=True).click()
    page.get_by_label("Cancel them").check()
    page.get_by_role("button", name="Enable the endpoint").click()
    expect(page.get_by_text("Billing is enabled. What was held is canceled.")).to_be_visible()
    assert Delivery.objects.get(pk=demo.deliveries["retrying"].pk).status == "canceled"

    page.get_by_role("link", name="Delete").click()
    page.get_by_label("Type Billing to confirm").fill("Warehouse")
    page.get_by_role("button", name="Delete the endpoint").click()
    expect(page.get_by_text("This is not the name")).to_be_visible()
    page.get_by_label("Type Billing to confirm").fill("Billing")
    page.get_by_role("button", name="Delete the endpoint").click()

    expect(page.get_by_text("Billing is deleted.")).to_be_visible()
    expect(page.get_by_role("link", name="Billing")).to_have_count(0)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_of_the_tab_is_accessible_and_fits(demo: Demo, open_as: OpenAs, path: str) -> None:
    failed = demo.deliveries["retrying"].public_id
    page = open_as(demo.owner, demo.path + path.format(**demo.ids, **{"billing test": failed}))
    assert_accessible(page)
    assert_fits(page)
    assert_accessible(page)


def test_an_app_without_endpoints_leads_to_the_first_one(demo: Demo, open_as: OpenAs) -> None:
    page = open_as(demo.owner, f"/apps/{demo.other_app.slug}/webhooks/endpoints/")
    assert_accessible(page)
    assert_fits(page)

    page.get_by_role("link", name="Add first endpoint").click()

    expect(page.get_by_role("heading", name="Add an endpoint")).to_be_visible()


def test_s37_a_viewer_reads_an_endpoint_and_changes_nothing(demo: Demo, open_as: OpenAs) -> None:
    page = open_as(demo.viewer, endpoint_path(demo, "Billing", "secret/"))

    expect(page.get_by_role("navigation", name="Endpoint").get_by_role("link")).to_have_text(["Overview", "Secret"])
    expect(page.get_by_role("main").get_by_role("button")).to_have_count(2)  # the copies of URL and id
    assert_accessible(page)
