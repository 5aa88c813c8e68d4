"""The tab Event Catalog as a Builder uses it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from events.models import EventType
from tests.browser.chromium import assert_accessible, assert_fits
from tests.browser.conftest import OpenAs
from tests.demo import Demo

pytestmark = pytest.mark.django_db(transaction=True)
SCHEMA = {
    "type": "object",
    "required": ["parcel"],
    "properties": {
        "parcel": {"type": "object", "properties": {"weight": {"type": "integer", "description": "In grams."}}}
    },
}


@pytest.mark.parametrize("scripts", [True, False])
def test_a_builder_finds_a_type_and_reads_it(demo: Demo, open_as: OpenAs, scripts: bool) -> None:
    page = open_as(demo.owner, f"{demo.path}event-catalog/", scripts=scripts)
    expect(page.locator("main h2").first).to_have_text("customer.*")

    search = page.get_by_role("searchbox", name="Search event types")
    search.press_sequentially("order paid")
    if not scripts:
        page.get_by_role("button", name="Search").click()

    rows = page.get_by_role("rowheader")
    expect(rows).to_have_text(["order.paid", "order.refunded"])
    expect(page).to_have_url(re.compile(r"event-catalog/\?q=order(\+|%20)paid$"))
    expect(search).to_have_value("order paid")
    page.get_by_role("link", name="order.paid").click()

    table = page.get_by_role("table", name="Fields of data")
    total = table.get_by_role("row").filter(has_text="total")
    expect(total.get_by_role("cell")).to_contain_text(["integer", "Required", "In cents."])
    subscribed = page.get_by_role("region", name="Subscribed endpoints").get_by_role("link")
    expect(subscribed).to_have_text(["Brand new", "Sandbox ERP", "CRM sync", "Warehouse", "Billing"])
    page.get_by_role("link", name="Send this as a test").click()
    expect(page.get_by_label("Event type", exact=True)).to_have_value("order.paid")


def test_a_search_without_matches_leads_back(demo: Demo, open_as: OpenAs) -> None:
    page = open_as(demo.owner, f"{demo.path}event-catalog/?q=nothing-like-it")
    page.get_by_role("link", name="Clear the search").click()
    expect(page.get_by_role("heading", name="order.*")).to_be_visible()


def define(page: Page, *, scripts: bool) -> None:
    page.get_by_role("link", name="Add event type").click()
    page.get_by_label("Name").fill("parcel.packed")
    page.get_by_label("Description").fill("A parcel is packed.")
    page.get_by_label("JSON Schema").fill(json.dumps(SCHEMA))
    page.get_by_label("Example").fill('{"parcel": {"weight": "heavy"}}')
    if scripts:
        expect(page.locator("#reading")).to_contain_text("example.parcel.weight must be an integer.")
        expect(page.locator("#announcements")).to_contain_text("example.parcel.weight must be an integer.")
        expect(page.get_by_role("table")).to_contain_text("In grams.")
    page.get_by_role("button", name="Add event type").click()
    expect(page.get_by_label("Example")).to_have_accessible_description(
        re.compile("example.parcel.weight must be an integer.")
    )
    expect(page.get_by_label("Name")).to_have_value("parcel.packed")
    page.get_by_label("Example").fill('{"parcel": {"weight": 900}}')
    if scripts:
        expect(page.locator("#reading")).to_contain_text("The schema is valid, and the example fits it.")
    page.get_by_role("button", name="Add event type").click()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_builder_defines_changes_and_deletes_a_type(demo: Demo, open_as: OpenAs, scripts: bool) -> None:
    page = open_as(demo.owner, f"{demo.path}event-catalog/", scripts=scripts)

    define(page, scripts=scripts)
    expect(page.get_by_role("status").filter(has_text="parcel.packed is defined")).to_be_visible()
    expect(page.get_by_role("rowheader", name="parcel.weight")).to_be_visible()

    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Deprecated").check()
    page.get_by_role("button", name="Save event type").click()
    expect(page.get_by_text("build nothing new on it")).to_be_visible()

    page.get_by_role("link", name="Delete").click()
    page.get_by_label(re.compile("^Type .* to confirm")).fill("parcel")
    page.get_by_role("button", name="Delete event type").click()
    expect(page.get_by_text("This is not the name")).to_be_visible()
    page.get_by_label(re.compile("^Type .* to confirm")).fill("parcel.packed")
    page.get_by_role("button", name="Delete event type").click()
    expect(page.get_by_text("parcel.packed is gone from the catalog.")).to_be_visible()
    assert not EventType.objects.filter(name="parcel.packed").exists()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_breaking_change_becomes_a_type_of_its_own(demo: Demo, open_as: OpenAs, scripts: bool) -> None:
    page = open_as(demo.owner, f"{demo.path}event-catalog/order.paid/edit/", scripts=scripts)
    schema: Any = EventType.objects.get(app=demo.app, name="order.paid").schema
    schema["required"] = ["order_id", "total", "items"]

    page.get_by_label("JSON Schema").fill(json.dumps(schema))
    page.get_by_label("Example").fill("")
    if scripts:
        expect(page.locator("#reading")).to_contain_text("`items` was optional and is now required")
        expect(page.locator("#reading").get_by_role("button")).to_have_text("Create order.paid.v2 instead")
    page.get_by_role("button", name="Save event type").click()
    expect(page.get_by_label("JSON Schema")).to_have_accessible_description(
        re.compile("`items` was optional and is now required: give the changed event a new name")
    )
    assert_accessible(page) if scripts else None
    page.get_by_role("button", name="Create order.paid.v2 instead").first.click()

    expect(page.get_by_label("Name")).to_have_value("order.paid.v2")
    expect(page.get_by_label("JSON Schema")).to_have_value(re.compile('"items"'))
    page.get_by_role("button", name="Add event type").click()
    expect(page.get_by_role("status").filter(has_text="order.paid.v2 is defined")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_catalog_is_exported_mended_and_imported(demo: Demo, open_as: OpenAs, tmp_path: Path, scripts: bool) -> None:
    page = open_as(demo.owner, f"{demo.path}event-catalog/", scripts=scripts)
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Export").click()
    document = json.loads(waiting.value.path().read_text())
    webhooks = document["webhooks"]
    webhooks["Order Packed"] = webhooks.pop("order.refunded")
    file = tmp_path / "catalog.json"
    file.write_text(json.dumps(document))

    page.get_by_role("link", name="Import").click()
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing can be imported yet")
    refused = page.get_by_role("row").filter(has_text="Order Packed")
    expect(refused).to_contain_text("Refused")
    assert_accessible(page) if scripts else None
    text = page.get_by_label("Or paste it here")
    text.fill(text.input_value().replace("Order Packed", "order.packed"))
    page.get_by_role("button", name="Review again").click()

    expect(page.get_by_role("row").filter(has_text="order.packed")).to_contain_text("Created")
    assert not EventType.objects.filter(name="order.packed").exists()
    page.get_by_role("button", name="Import 1 event type").click()
    expect(page.get_by_role("status").filter(has_text="1 event type created, 0 changed")).to_be_visible()
    expect(page.get_by_role("rowheader", name="order.packed")).to_be_visible()


def test_a_type_in_use_says_what_to_do_instead(demo: Demo, open_as: OpenAs) -> None:
    page = open_as(demo.owner, f"{demo.path}event-catalog/order.paid/")
    page.get_by_role("link", name="Delete").click()
    expect(page.get_by_text("order.paid has been emitted, so its name stays taken")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="Deprecate it").click()
    expect(page.get_by_text("build nothing new on it")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Deprecate")).to_be_visible()
    expect(page.get_by_text("build nothing new on it")).to_have_count(0)


@pytest.mark.parametrize("empty", [True, False])
def test_pages_are_accessible_in_both_themes_and_fit_a_narrow_screen(demo: Demo, open_as: OpenAs, empty: bool) -> None:
    if empty:
        EventType.objects.filter(app=demo.app).delete()
    page = open_as(demo.owner, f"{demo.test_path}event-catalog/")
    types = ["order.paid/", "order.paid/edit/", "order.paid/delete/", "webhook.test/", "add/", "import/"]
    ways = ["", "?q=nothing-like-it"] if empty else types
    for way in ways:
        page.set_viewport_size({"width": 1280, "height": 720})
        page.goto(f"{demo.test_path}event-catalog/{way}")
        assert_accessible(page)
        assert_fits(page)
        assert_accessible(page)


def test_s37_a_viewer_reads_the_catalog(demo: Demo, open_as: OpenAs) -> None:
    page = open_as(demo.viewer, f"{demo.path}event-catalog/order.paid/")
    expect(page.get_by_role("heading", name="order.paid")).to_be_visible()
    for name in ("Edit", "Delete", "Send this as a test"):
        expect(page.get_by_role("link", name=name)).to_have_count(0)
    expect(page.get_by_role("main").get_by_role("button", name="Deprecate")).to_have_count(0)
