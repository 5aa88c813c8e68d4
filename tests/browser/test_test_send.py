"""The tab Test Send as a Builder uses it: a real receiver, the real engine, and a page that watches."""

import ipaddress
import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from pytest_django import Settings
from standardwebhooks import Webhook

from deliveries.endpoints import disable_endpoint
from deliveries.engine.drain import Engine
from deliveries.models import Delivery
from tests.browser.chromium import assert_accessible, assert_fits
from tests.browser.conftest import OpenAs
from tests.deliveries.engine.rows import make_due
from tests.demo import Demo
from tests.factories import ACTOR
from tests.receivers.behaviours import answer, answers
from tests.receivers.server import Peer, Receiver
from webhooks.models import DisabledReason, Endpoint
from webhooks.secrets import reveal_secret

pytestmark = pytest.mark.django_db(transaction=True)
TAKEN = answer("200 OK", b'{"received": true}', "Content-Type: application/json")
REFUSED = answer("401 Unauthorized", b'{"error": "signature mismatch"}', "Content-Type: application/json")


@pytest.fixture(autouse=True)
def _loopback_allowed(settings: Settings) -> None:
    settings.WEBHOOKS_ALLOW_HTTP = True
    settings.WEBHOOKS_ALLOWED_PORTS = None
    settings.WEBHOOKS_ALLOWED_PRIVATE_NETWORKS = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.fixture
def engine(demo: Demo) -> Iterator[Engine]:
    """What the demo has waiting stays where it is: only test sends go out."""
    Delivery.objects.filter(status__in=("pending", "sending")).update(
        status="canceled", due_at=None, lease=None, leased_until=None
    )
    engine = Engine()
    yield engine
    engine.close()


def point_to(demo: Demo, name: str, receiver: Receiver) -> Endpoint:
    endpoint = demo.endpoints[name]
    Endpoint.objects.filter(pk=endpoint.pk).update(url=receiver.url())
    return endpoint


def fields(page: Page) -> tuple[str, str]:
    return page.get_by_label("Endpoint").input_value(), page.get_by_label("Event type", exact=True).input_value()


def test_a_builder_edits_sends_and_watches_it_arrive(demo: Demo, open_as: OpenAs, engine: Engine) -> None:
    with Receiver(answers(TAKEN)) as receiver:
        endpoint = point_to(demo, "Billing", receiver)
        page = open_as(demo.owner, f"{demo.path}test-send/")
        page.get_by_label("Endpoint").select_option(endpoint.public_id)
        expect(page.get_by_text(receiver.url())).to_be_visible()
        page.get_by_label("Event type", exact=True).focus()
        page.get_by_label("Event type", exact=True).select_option("order.paid")
        data = page.get_by_label("Data")
        expect(data).to_have_value(re.compile("ord_1042"))
        expect(page.get_by_label("Event type", exact=True)).to_be_focused()
        data.fill('{"order_id": "ord_7"}')
        expect(page.locator("#data-check")).to_have_text("data.total is required.")
        data.fill('{"order_id": "ord_7", "total": 700}')
        expect(page.locator("#data-check")).to_have_text("Fits the schema of order.paid.")

        page.get_by_role("button", name="Send test event").click()
        expect(page.get_by_text("On its way.")).to_be_visible()
        engine.drain(None)

        expect(page.get_by_text("Billing answered 200 after")).to_be_visible()
    expect(page.locator("#announcements")).to_have_text("Attempt 1 succeeded with 200")
    expect(page.locator("#watch")).not_to_have_attribute("data-live", "")
    [request] = receiver.requests
    sent = json.loads(request.body)
    assert (sent["test"], sent["data"]) == (True, {"order_id": "ord_7", "total": 700})
    Webhook(reveal_secret(endpoint, ACTOR)).verify(request.body, {name.lower(): v for name, v in request.headers})
    expect(page.get_by_role("region", name="Headers of the request")).to_contain_text(str(sent["id"]))
    expect(page.get_by_role("region", name="Body of the request")).to_contain_text("ord_7")
    expect(page.get_by_role("region", name="Body of the response")).to_contain_text("received")
    assert fields(page) == (endpoint.public_id, "order.paid")


def test_a_refusal_tells_cause_and_checks_and_a_retry_appears_by_itself(
    demo: Demo, open_as: OpenAs, engine: Engine
) -> None:
    responses = iter([REFUSED, TAKEN, TAKEN])

    def behave(peer: Peer) -> None:
        while peer.read_request():
            peer.send(next(responses))

    with Receiver(behave) as receiver:
        endpoint = point_to(demo, "Warehouse", receiver)
        page = open_as(demo.developer, f"{demo.path}test-send/?endpoint={endpoint.public_id}")
        page.get_by_role("button", name="Send test event").click()
        expect(page.get_by_text("On its way.")).to_be_visible()
        engine.drain(None)
        expect(page.get_by_text("The receiver refused the request (401).").first).to_be_visible()
        expect(page.get_by_text("It is tried again by itself")).to_be_visible()
        assert_accessible(page)

        make_due(Delivery.objects.filter(test=True, status="pending"))
        engine.drain(None)

        expect(page.get_by_text("Warehouse answered 200 after")).to_be_visible()
        tries = page.get_by_role("region", name="Attempts").get_by_role("listitem")
        expect(tries).to_have_count(2)
        expect(tries.nth(1)).to_contain_text("The receiver refused the request (401).")
        # Once more, from here.
        page.get_by_role("button", name="Send again").click()
        expect(page.get_by_text("On its way.")).to_be_visible()
        engine.drain(None)
        expect(page.get_by_text("Warehouse answered 200 after")).to_be_visible()
    assert len(receiver.requests) == 3


def test_without_scripts_a_builder_sends_to_a_disabled_endpoint_and_refreshes(
    demo: Demo, open_as: OpenAs, engine: Engine
) -> None:
    with Receiver(answers(TAKEN)) as receiver:
        endpoint = point_to(demo, "Warehouse", receiver)
        disable_endpoint(Endpoint.objects.get(pk=endpoint.pk), DisabledReason.MANUAL, ACTOR)
        page = open_as(
            demo.owner, f"{demo.path}test-send/?endpoint={endpoint.public_id}&type=order.refunded", scripts=False
        )
        expect(page.get_by_text("a test send goes out all the same")).to_be_visible()
        page.get_by_label("Event type", exact=True).select_option("order.paid")
        page.get_by_role("button", name="Back to the example").click()
        expect(page.get_by_label("Data")).to_have_value(re.compile("LAMP-2"))
        page.get_by_label("Data").fill("{")
        page.get_by_role("button", name="Send test event").click()
        expect(page.get_by_text("This is not valid JSON")).to_be_visible()
        expect(page.get_by_label("Data")).to_have_value("{")
        page.get_by_role("button", name="Back to the example").click()
        page.get_by_role("button", name="Send test event").click()
        expect(page.get_by_text("On its way.")).to_be_visible()
        engine.drain(None)

        page.get_by_role("link", name="Refresh").click()

        expect(page.get_by_text("Warehouse answered 200 after")).to_be_visible()
        expect(page.get_by_role("link", name="Refresh")).to_have_count(0)
    assert [json.loads(request.body)["type"] for request in receiver.requests] == ["order.paid"]


def test_back_to_the_example_undoes_edits_and_keeps_the_focus(demo: Demo, open_as: OpenAs) -> None:
    page = open_as(demo.owner, f"{demo.path}test-send/?type=order.paid")
    data = page.get_by_label("Data")
    data.fill("{}")
    expect(page.locator("#data-check")).to_contain_text("data.order_id is required.")
    page.get_by_role("button", name="Back to the example").click()
    expect(data).to_have_value(re.compile("ord_1042"))
    expect(page.locator("#data-check")).to_have_text("Fits the schema of order.paid.")
    expect(page.get_by_role("button", name="Back to the example")).to_be_focused()


def test_an_app_without_an_endpoint_is_led_to_its_first_one(demo: Demo, open_as: OpenAs) -> None:
    page = open_as(demo.owner, f"/apps/{demo.other_app.slug}/webhooks/test-send/")
    assert_accessible(page)
    assert_fits(page)
    page.get_by_role("link", name="Add first endpoint").click()
    expect(page).to_have_url(re.compile(f"/apps/{demo.other_app.slug}/webhooks/endpoints/add/$"))


def test_pages_are_accessible_in_both_themes_and_fit_a_narrow_screen(demo: Demo, open_as: OpenAs) -> None:
    page = open_as(demo.owner, f"{demo.path}test-send/?type=order.paid")
    for way in ("?type=order.paid&endpoint={Sandbox ERP}", "{test send}/"):
        page.set_viewport_size({"width": 1280, "height": 720})
        page.goto(demo.path + "test-send/" + way.format(**demo.ids))
        assert_accessible(page)
        assert_fits(page)
        assert_accessible(page)


def test_s37_a_viewer_reads_results_and_finds_nothing_to_send_with(demo: Demo, open_as: OpenAs) -> None:
    page = open_as(demo.viewer, f"{demo.path}test-send/")
    expect(page.get_by_role("heading", name="Viewers do not send")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("link", name="customer.updated to Analytics").click()
    expect(page.get_by_text("Analytics answered 200")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Send"))).to_have_count(0)
