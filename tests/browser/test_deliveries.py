"""The tab Deliveries in a browser: filter, watch, look into one, retry, send many again."""

import re

import pytest
from playwright.sync_api import Page, expect

from deliveries.models import Attempt, AttemptStatus, Delivery, DeliveryStatus, Replay
from tests.browser.chromium import assert_accessible, assert_fits
from tests.browser.conftest import OpenAs
from tests.deliveries.replaying import work
from tests.demo import Demo
from tests.factories import make_attempt, make_delivery, make_event
from webhooks.models import AuditEntry

pytestmark = pytest.mark.django_db(transaction=True)


def rows(page: Page) -> list[str]:
    """The states in the list, from top to bottom."""
    page.wait_for_load_state()
    return page.locator("table.deliveries tbody tr .badge").all_inner_texts()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_builder_filters_for_failures_and_finds_out_why(demo: Demo, open_as: OpenAs, scripts: bool) -> None:
    page = open_as(demo.viewer, f"{demo.path}deliveries/", scripts=scripts)
    page.get_by_label("Status").select_option("failed")
    if not scripts:
        page.get_by_role("button", name="Apply").click()
    expect(page).to_have_url(re.compile("status=failed"))
    assert set(rows(page)) == {"Failed"}
    page.get_by_label("Response").fill("tls_expired")
    page.get_by_role("button", name="Apply").click()
    expect(page).to_have_url(re.compile("status=failed.*response=tls_expired"))

    page.get_by_role("link", name="invoice.created").first.click()

    expect(page.get_by_text("The receiver's certificate has expired or is not valid yet.").first).to_be_visible()
    expect(page.get_by_text("Next: Renew the certificate of portal.northwind.example")).to_be_visible()
    expect(page.get_by_role("heading", name="Attempt 2")).to_be_visible()
    page.get_by_role("link", name="Attempt 1").click()
    expect(page.get_by_role("heading", name="Attempt 1")).to_be_visible()
    expect(page.get_by_role("button", name="Retry now")).to_have_count(0)


def test_a_list_says_that_it_loads_until_another_page_is_there(demo: Demo, open_as: OpenAs) -> None:
    page = open_as(demo.owner, f"{demo.path}deliveries/")
    list_ = page.locator("#delivery-list > .panel")
    # The answer never comes.
    page.evaluate("document.addEventListener('submit', (event) => event.preventDefault())")
    page.get_by_label("Status").select_option("failed")

    expect(list_).to_have_attribute("aria-busy", "true")
    expect(page.locator("#announcements")).to_have_text("Loading")
    # As the browser's Back does it.
    page.evaluate("window.dispatchEvent(new Event('pageshow'))")
    expect(list_).not_to_have_attribute("aria-busy", "true")


def test_new_deliveries_come_in_at_the_top_and_are_announced(demo: Demo, open_as: OpenAs) -> None:
    page = open_as(demo.owner, f"{demo.path}deliveries/?endpoint={demo.ids['Analytics']}")
    assert rows(page) == ["Succeeded"]

    delivery = make_delivery(make_event(demo.app, "customer.updated"), demo.endpoints["Analytics"])

    expect(page.locator("tr.arrived")).to_have_count(1)
    expect(page.locator("#announcements")).to_have_text("1 new delivery")
    assert rows(page) == ["Pending", "Succeeded"]
    Delivery.objects.filter(pk=delivery.pk).update(status=DeliveryStatus.CANCELED, due_at=None)
    expect(page.locator("table.deliveries tbody tr .badge").first).to_have_text("Canceled")


def test_what_one_reads_never_moves_and_the_tail_can_be_paused(demo: Demo, open_as: OpenAs) -> None:
    page = open_as(demo.owner, "/")
    page.clock.install()
    page.goto(f"{demo.path}deliveries/?endpoint={demo.ids['Analytics']}")
    link = page.get_by_role("link", name="customer.updated")
    link.focus()
    make_delivery(make_event(demo.app, "customer.updated"), demo.endpoints["Analytics"])

    with page.expect_response(re.compile("deliveries/")):
        page.clock.fast_forward(2000)

    news = page.get_by_role("button", name="1 new delivery")
    expect(news).to_be_visible()
    expect(link).to_be_focused()
    assert rows(page) == ["Succeeded"]
    news.click()
    expect(page.locator("tr.arrived")).to_have_count(1)
    expect(news).to_be_hidden()

    page.get_by_role("button", name="Pause live").click()
    expect(page.get_by_role("button", name="Resume live")).to_have_attribute("aria-pressed", "true")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.fast_forward(6000)
    page.evaluate("() => new Promise(requestAnimationFrame)")
    assert asked == []
    page.get_by_role("button", name="Resume live").click()
    expect(page.get_by_role("button", name="Pause live")).to_be_visible()


def test_an_attempt_appears_by_itself_and_an_opened_command_stays(demo: Demo, open_as: OpenAs) -> None:
    delivery = demo.deliveries["retrying"]
    page = open_as(demo.owner, f"{demo.path}deliveries/{delivery.public_id}/")
    page.get_by_role("button", name="Copy as cURL").click()
    command = page.get_by_role("region", name="cURL command", exact=True)
    expect(command).to_contain_text("webhook-signature: v1,")
    assert AuditEntry.objects.filter(action="delivery.curl.signed").count() == 1

    make_attempt(delivery, 4, status=AttemptStatus.SUCCEEDED, response_status=204, error_code="", error="")
    Delivery.objects.filter(pk=delivery.pk).update(status=DeliveryStatus.SUCCEEDED, due_at=None)

    expect(page.get_by_text("Billing answered 204 after 12 ms, at attempt 4.")).to_be_visible()
    expect(page.get_by_role("heading", name="Attempt 4")).to_be_visible()
    expect(command).to_contain_text("webhook-signature: v1,")
    expect(page.locator("[data-live]")).to_have_count(0)


def test_the_command_is_given_without_scripts_too(demo: Demo, open_as: OpenAs) -> None:
    page = open_as(demo.developer, f"{demo.path}deliveries/{demo.ids['failed']}/", scripts=False)
    page.get_by_role("button", name="Copy as cURL").click()
    expect(page.get_by_role("region", name="cURL command", exact=True)).to_contain_text("webhook-signature: v1,")
    expect(page.get_by_role("heading", name="Attempt 2")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_one_is_retried_and_canceled(demo: Demo, open_as: OpenAs, scripts: bool) -> None:
    page = open_as(demo.owner, f"{demo.path}deliveries/{demo.ids['failed']}/", scripts=scripts)
    page.get_by_role("button", name="Retry now").click()
    expect(page.get_by_text("One attempt is made now. If it fails, the schedule starts again.")).to_be_visible()
    expect(page.get_by_label("Summary").get_by_text("Retrying")).to_be_visible()

    page.get_by_role("button", name="Cancel").click()
    if scripts:
        expect(page.get_by_text("Cancel this delivery? Nothing more is sent")).to_be_visible()
        page.get_by_role("button", name="Cancel delivery").click()
    expect(page.get_by_label("Summary").get_by_text("Canceled")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_all_that_failed_is_sent_again_and_watched(demo: Demo, open_as: OpenAs, scripts: bool) -> None:
    failed = Delivery.objects.filter(endpoint=demo.endpoints["Old portal"], status=DeliveryStatus.FAILED).count()
    page = open_as(demo.owner, f"{demo.path}deliveries/?endpoint={demo.ids['Old portal']}", scripts=scripts)
    page.get_by_role("link", name="Retry all failed").click()
    expect(page.get_by_role("heading", name=f"Retry {failed} failed deliveries?")).to_be_visible()
    assert Replay.objects.count() == 0
    page.get_by_role("button", name=f"Retry {failed}").click()
    expect(page.get_by_role("heading", name=f"Sending {failed} again")).to_be_visible()

    work()
    if not scripts:
        page.reload()

    expect(page.get_by_role("heading", name=f"Done: {failed} sent on their way")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "100")
    page.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="Replays").click()
    expect(page.get_by_role("row", name=f"Done Failed deliveries Old portal {failed} of {failed}")).to_be_visible()


def test_a_job_is_canceled_from_its_page(demo: Demo, open_as: OpenAs) -> None:
    page = open_as(demo.owner, f"{demo.path}deliveries/replay/?kind=missing&endpoint={demo.ids['CRM sync']}")
    page.get_by_label("What failed: deliveries that have used up their attempts").check()
    page.get_by_role("button", name="Count them").click()
    expect(page.get_by_role("heading", name="No failed delivery matches")).to_be_visible()
    page.get_by_label("What it missed").check()
    page.get_by_role("button", name="Count them").click()
    page.get_by_role("button", name=re.compile(r"^Send \d+$")).click()
    page.get_by_role("button", name="Cancel the rest").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the rest").click()
    expect(page.get_by_role("heading", name=re.compile("^Canceled after 0 of"))).to_be_visible()
    page.get_by_role("link", name="Deliveries", exact=True).click()
    page.get_by_role("link", name="Replays").click()
    expect(page.get_by_role("row", name=re.compile("^Canceled Missed events CRM sync"))).to_be_visible()
    assert_accessible(page)
    assert_fits(page)


@pytest.mark.parametrize(
    "path",
    [
        "deliveries/",
        "deliveries/?status=failed&endpoint={Analytics}",
        "deliveries/?response=x",
        "deliveries/?when=custom&after=2026-01-01T00:00:00",
        "deliveries/{retrying}/",
        "deliveries/{failed}/?attempt=1",
        "deliveries/{succeeded}/",
        "deliveries/{held}/",
        "deliveries/replay/?kind=all&endpoint={Billing}",
        "replays/",
    ],
)
def test_every_page_is_accessible_and_fits(demo: Demo, open_as: OpenAs, path: str) -> None:
    Attempt.objects.filter(delivery=demo.deliveries["succeeded"]).update(response_truncated=True)
    page = open_as(demo.owner, demo.path + path.format(**demo.ids))
    assert_accessible(page)
    assert_fits(page)


def test_the_page_of_a_job_is_accessible_and_fits(demo: Demo, open_as: OpenAs) -> None:
    page = open_as(demo.owner, f"{demo.path}deliveries/replay/")
    page.get_by_role("button", name=re.compile(r"^Retry \d+$")).click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    assert_accessible(page)
    assert_fits(page)
