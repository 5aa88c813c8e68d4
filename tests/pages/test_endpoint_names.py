"""Endpoints of the same name and host are told apart wherever several are shown."""

import html
import re

import pytest
from django.test import Client

from deliveries.models import DeliveryStatus
from events.models import EventType
from tests.deliveries.replaying import start
from tests.demo import Demo
from tests.factories import URL, make_delivery, make_endpoint, make_event
from webhooks.models import Endpoint

pytestmark = pytest.mark.django_db


@pytest.fixture
def twins(demo: Demo) -> list[Endpoint]:
    """Two that differ in the path alone."""
    EventType.objects.update(schema=None)
    return [make_endpoint(demo.app, name="Twin", url=f"{URL}/{part}") for part in ("one", "two")]


def texts(client: Client, path: str, pattern: str) -> list[str]:
    """What `pattern` finds in the page that has to do with the twins."""
    found = re.findall(pattern, client.get(path).content.decode())
    return sorted(html.unescape(text) for text in found if "Twin" in text or "/hook" in text)


def named(twins: list[Endpoint]) -> list[str]:
    return sorted(f"Twin · {path_of(endpoint)}" for endpoint in twins)


def path_of(endpoint: Endpoint) -> str:
    return "/" + endpoint.url.split("/", 3)[3]


def test_in_the_filter_and_the_list_of_deliveries(demo: Demo, owner: Client, twins: list[Endpoint]) -> None:
    event = make_event(demo.app)
    for endpoint in twins:
        make_delivery(event, endpoint, DeliveryStatus.PENDING)
    path = f"{demo.path}deliveries/"

    assert texts(owner, path, r'<option value="ep_[^"]*">([^<]*)<') == named(twins)
    assert texts(owner, path, r'<a class="clip"[^>]*>([^<]*)<') == named(twins)
    assert f'<option value="{demo.ids["Billing"]}">Billing</option>' in owner.get(path).content.decode()


def test_one_that_is_deleted_does_not_make_another_look_alike(demo: Demo, owner: Client, twins: list[Endpoint]) -> None:
    Endpoint.objects.filter(pk=twins[0].pk).update(deleted_at=twins[0].created_at)

    found = texts(owner, f"{demo.path}deliveries/", r'<option value="ep_[^"]*">([^<]*)<')

    assert found == ["Twin", "Twin (deleted)"]


def test_in_the_choice_of_a_test_send(demo: Demo, owner: Client, twins: list[Endpoint]) -> None:
    host = twins[0].url.split("/")[2]

    found = texts(owner, f"{demo.path}test-send/", r'<option value="ep_[^"]*"[^>]*>([^<]*)<')

    assert found == sorted(f"Twin · {host}{path_of(endpoint)}" for endpoint in twins)


def test_in_the_list_of_endpoints_and_of_an_event_type(demo: Demo, owner: Client, twins: list[Endpoint]) -> None:
    page = owner.get(f"{demo.path}endpoints/").content.decode()
    subscribed = texts(owner, f"{demo.path}event-catalog/order.paid/", r'<a href="[^"]*/endpoints/[^"]*">([^<]*)<')

    for endpoint in twins:
        host = endpoint.url.split("/")[2]
        assert f'<code class="muted">{host}{path_of(endpoint)}</code>' in page
    assert subscribed == named(twins)


def test_where_many_are_sent_again(demo: Demo, owner: Client, twins: list[Endpoint]) -> None:
    asked = owner.get(f"{demo.path}deliveries/replay/?kind=failed&endpoint={twins[0].public_id}").content.decode()
    for endpoint in twins:
        start(demo.app, endpoint_id=endpoint.pk)

    listed = texts(owner, f"{demo.path}replays/", r'data-label="Endpoint"><span class="clip"[^>]*>([^<]*)<')

    assert "<dt>Endpoint</dt><dd>Twin</dd>" in asked
    assert f"<dt>URL</dt><dd>{twins[0].url}</dd>" in asked
    assert listed == named(twins)
