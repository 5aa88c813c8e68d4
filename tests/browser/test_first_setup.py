"""The first set-up as a new user does it, by keyboard alone: from the sign-in to a test event that was verified."""

import ipaddress
import json
import re
import threading
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Locator, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from deliveries.engine.drain import Engine
from deliveries.models import Delivery
from deliveries.receiver import Receiver
from events.event_types import sync_event_catalog
from tests.servers.processes import free_port
from webhooks.app_setup import create_app
from webhooks.audit import SYSTEM
from webhooks.models import Endpoint

pytestmark = pytest.mark.django_db(transaction=True)
INTERACTIONS_AT_MOST = 12
_TABS_AT_MOST = 150


class Keyboard:
    """A person without a mouse. Each field that is filled and each control that is pressed is one interaction."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.interactions = 0

    def fill(self, field: Locator, text: str) -> None:
        self._go_to(field)
        self.page.keyboard.type(text)
        self.interactions += 1

    def press(self, control: Locator, key: str = "Enter") -> None:
        self._go_to(control)
        self.page.keyboard.press(key)
        self.interactions += 1

    def _go_to(self, wanted: Locator) -> None:
        expect(wanted).to_be_visible()
        for _ in range(_TABS_AT_MOST):
            if wanted.evaluate("element => element === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the Tab key does not lead to {wanted}")


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    """It delivers to loopback."""
    settings.WEBHOOKS_ALLOW_HTTP = True
    settings.WEBHOOKS_ALLOWED_PORTS = None
    settings.WEBHOOKS_ALLOWED_PRIVATE_NETWORKS = (ipaddress.ip_network("127.0.0.0/8"),)
    engine = Engine()
    yield engine
    engine.close()


@pytest.fixture
def start_receiver() -> Iterator[Callable[[int, str], list[str]]]:
    """`start_receiver(port, secret)` gives the list of what the receiver says of each message."""
    running: list[tuple[Receiver, threading.Thread]] = []

    def start(port: int, secret: str) -> list[str]:
        said: list[str] = []
        receiver = Receiver(port, secret, said.append, as_json=True)
        thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        running.append((receiver, thread))
        return said

    yield start
    for receiver, thread in running:
        receiver.shutdown()
        thread.join()
        receiver.server_close()


def test_the_first_set_up_takes_twelve_interactions_by_keyboard_alone(
    new_page: Callable[..., Page],
    live_server: LiveServer,
    engine: Engine,
    start_receiver: Callable[[int, str], list[str]],
) -> None:
    sync_event_catalog()
    ada = User.objects.create_user("ada", "ada@example.com", "right password")
    create_app("Northwind Orders", owner=ada, actor=SYSTEM)
    port = free_port()
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{live_server.url}/")
    keyboard = Keyboard(page)

    keyboard.fill(page.get_by_label("Username"), "ada")
    keyboard.fill(page.get_by_label("Password"), "right password")
    keyboard.press(page.get_by_role("button", name="Sign in"))
    keyboard.press(page.get_by_role("link", name="Northwind Orders"))
    keyboard.press(page.get_by_role("link", name="Add Webhook"))
    keyboard.fill(page.get_by_label("Receiver URL"), f"http://127.0.0.1:{port}/hooks/switera")
    keyboard.press(page.get_by_role("checkbox", name="All events"), "Space")
    keyboard.press(page.get_by_role("button", name="Save endpoint"))

    keyboard.press(page.get_by_role("button", name="Copy the secret"))
    secret: str = page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret)
    said = start_receiver(port, secret)
    keyboard.press(page.get_by_role("radio", name="Python (Django)"), "ArrowRight")
    expect(page.get_by_role("radio", name="Python (FastAPI)")).to_be_checked()
    keyboard.press(page.get_by_role("button", name="Copy switera_webhook.py"))
    assert '@app.post("/hooks/switera"' in page.evaluate("navigator.clipboard.readText()")
    keyboard.press(page.get_by_role("button", name="Send test event"))
    expect(page.get_by_text("It is on its way.")).to_be_visible()
    engine.drain(None)

    expect(page.get_by_text("It arrived.")).to_be_visible()
    assert keyboard.interactions <= INTERACTIONS_AT_MOST
    endpoint = Endpoint.objects.get()
    delivery = Delivery.objects.get()
    assert (endpoint.event_types, endpoint.environment) == (["*"], "live")
    assert (delivery.status, delivery.response_status, delivery.test) == ("succeeded", 204, True)
    message = json.loads(said[0])
    assert (len(said), message["verified"], message["delivery_id"]) == (1, True, delivery.public_id)


def test_a_test_event_that_fails_says_why_and_the_next_one_arrives_on_the_same_page(
    new_page: Callable[..., Page],
    live_server: LiveServer,
    engine: Engine,
    start_receiver: Callable[[int, str], list[str]],
) -> None:
    sync_event_catalog()
    ada = User.objects.create_user("ada", "ada@example.com", "right password")
    app = create_app("Northwind Orders", owner=ada, actor=SYSTEM).app
    port = free_port()
    page = new_page()
    page.goto(f"{live_server.url}/apps/{app.slug}/webhooks/endpoints/add/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("right password")
    page.keyboard.press("Enter")
    page.get_by_label("Receiver URL").fill(f"http://127.0.0.1:{port}/")
    page.get_by_role("checkbox", name="All events").check()
    page.get_by_role("button", name="Save endpoint").click()
    secret = page.locator(".secret code").inner_text()

    page.get_by_role("button", name="Send test event").click()
    expect(page.get_by_text("It is on its way.")).to_be_visible()
    engine.drain(None)
    expect(page.get_by_text("What to check")).to_be_visible()
    expect(page.locator("#arrival")).to_contain_text("What to do:")

    said = start_receiver(port, secret)
    page.get_by_role("button", name="Send test event").click()
    expect(page.get_by_text("It is on its way.")).to_be_visible()
    engine.drain(None)

    expect(page.get_by_text("It arrived.")).to_be_visible()
    # It was never loaded again: what is shown once is still there.
    assert page.locator(".secret code").inner_text() == secret
    assert len(said) >= 1
    page.get_by_role("link", name="Open the endpoint").click()
    expect(page).to_have_url(re.compile(f"/endpoints/{Endpoint.objects.get().public_id}/$"))
