"""The Overview in a browser: a first visit, a failing app, its chart and table, with scripts and without."""

import re

import pytest
from playwright.sync_api import expect

from deliveries.models import Delivery, DeliveryStatus
from deliveries.tally import count_traffic
from events.models import Event
from tests.browser.chromium import WIDE, assert_accessible, assert_fits
from tests.browser.conftest import OpenAs
from tests.demo import Demo

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_first_visit_leads_to_the_first_endpoint(demo: Demo, open_as: OpenAs, scripts: bool) -> None:
    page = open_as(demo.owner, f"/apps/{demo.other_app.slug}/webhooks/", scripts=scripts)
    expect(page.get_by_role("heading", name="Send your first webhook")).to_be_visible()
    expect(page.get_by_role("heading", level=3)).to_have_text(["Add an endpoint", "Verify what arrives", "Send a test"])
    if scripts:
        assert_accessible(page)
        assert_fits(page)

    page.get_by_role("link", name="Add first endpoint").click()

    expect(page).to_have_url(re.compile(f"/apps/{demo.other_app.slug}/webhooks/endpoints/add/$"))


@pytest.mark.parametrize("scripts", [True, False])
def test_a_builder_reads_what_is_wrong_and_goes_there(demo: Demo, open_as: OpenAs, scripts: bool) -> None:
    count_traffic()
    page = open_as(demo.owner, demo.path, scripts=scripts)
    needs = page.get_by_role("region", name="What needs you")
    expect(needs.get_by_role("heading", level=3)).to_have_text(["Old portal", "Billing"])
    expect(needs.get_by_role("listitem").first).to_contain_text("Every attempt has failed since")
    expect(needs.get_by_role("listitem").first).to_contain_text("Renew the certificate of portal.northwind.example")
    endpoints = page.get_by_role("table", name="Endpoints by health")
    expect(endpoints.get_by_role("row").nth(1)).to_contain_text("Attention")
    wrong = page.get_by_role("region", name="What went wrong")
    expect(wrong.get_by_role("heading", level=3).filter(has_text="Old portal")).to_have_count(1)

    wrong.get_by_role("link", name=re.compile("Old portal: TLS: expired")).click()

    portal = demo.endpoints["Old portal"].public_id
    expect(page).to_have_url(re.compile(f"deliveries/\\?endpoint={portal}&response=tls_expired$"))
    page.go_back()
    needs.get_by_role("link", name="Review Old portal").click()
    expect(page).to_have_url(re.compile(f"/endpoints/{portal}/$"))


@pytest.mark.parametrize("scripts", [True, False])
def test_the_period_is_chosen_and_the_chart_read_as_a_table(demo: Demo, open_as: OpenAs, scripts: bool) -> None:
    count_traffic()
    page = open_as(demo.owner, demo.path, scripts=scripts)
    chart = page.get_by_role("img", name=re.compile("^Attempts of the last 24 hours, every 30 minutes: [0-9]+ succ"))
    expect(chart).to_be_visible()

    page.get_by_role("navigation", name="Period").get_by_role("link", name="7 days").click()

    expect(page).to_have_url(re.compile(r"\?period=7d$"))
    expect(page.get_by_role("img", name=re.compile("^Attempts of the last 7 days, every 2 hours"))).to_be_visible()
    table = page.get_by_role("table", name=re.compile("Deliveries over time in the last 7 days"))
    expect(table).to_be_hidden()
    page.get_by_text("Show as table").click()
    expect(table).to_be_visible()
    table.get_by_role("link").first.click()
    expect(page).to_have_url(re.compile("deliveries/.after=2"))


def test_it_is_accessible_and_fits_in_every_state(demo: Demo, open_as: OpenAs) -> None:
    count_traffic()
    page = open_as(demo.viewer, f"{demo.path}?period=7d")
    page.get_by_text("Show as table").click()
    for path in ("", demo.test_path):
        if path:
            page.goto(path)
        assert_fits(page)
        assert_accessible(page)
        page.set_viewport_size({"width": WIDE, "height": 900})
        assert_accessible(page)


def test_endpoints_without_traffic_lead_to_a_test_send(demo: Demo, open_as: OpenAs) -> None:
    Event.objects.filter(environment="test").delete()
    count_traffic()
    page = open_as(demo.owner, demo.test_path)
    expect(page.get_by_role("heading", name="No traffic yet")).to_be_visible()
    assert_accessible(page)
    assert_fits(page)

    page.get_by_role("link", name="Send a test").click()

    expect(page).to_have_url(re.compile("/test/webhooks/test-send/$"))


def test_it_stays_fresh_and_keeps_what_is_open_and_the_focus(demo: Demo, open_as: OpenAs) -> None:
    count_traffic()
    page = open_as(demo.owner, demo.path)
    page.get_by_text("Show as table").click()
    link = page.get_by_role("table", name=re.compile("Deliveries over time")).get_by_role("link").first
    link.focus()
    Delivery.objects.filter(pk=demo.deliveries["retrying"].pk).update(status=DeliveryStatus.CANCELED, due_at=None)
    expect(page.get_by_text("nothing waits for its next attempt")).to_have_count(0)

    with page.expect_response(lambda response: "period=24h" in response.url, timeout=15_000):
        pass

    expect(page.get_by_text("nothing waits for its next attempt")).to_be_visible()
    expect(page.get_by_role("table", name=re.compile("Deliveries over time"))).to_be_visible()
    expect(link).to_be_focused()


def test_a_bar_tells_what_it_stands_for(demo: Demo, open_as: OpenAs) -> None:
    count_traffic()
    page = open_as(demo.owner, demo.path)
    page.locator(".chart-plot").first.locator("g").last.hover()
    expect(page.locator("#tooltip")).to_have_text(re.compile(r"^From .+: \d+ succeeded, \d+ failed$"))
    page.get_by_role("heading", level=1).hover()
    expect(page.locator("#tooltip")).to_be_hidden()
