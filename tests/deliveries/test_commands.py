"""add_endpoint and deliver_due."""

import datetime as dt
import ipaddress
import json
import uuid
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from deliveries.endpoints import disable_endpoint
from deliveries.models import Attempt, Delivery, DeliveryStatus
from tests.factories import ACTOR, make_app, make_endpoint, make_event, make_event_type
from tests.receivers.behaviours import OK, answer, answers
from tests.receivers.server import Receiver
from webhooks.models import App, AuditEntry, DisabledReason, Endpoint
from webhooks.secrets import reveal_secret


@pytest.fixture(autouse=True)
def _loopback_allowed(settings: Settings) -> None:
    settings.WEBHOOKS_ALLOW_HTTP = True
    settings.WEBHOOKS_ALLOWED_PORTS = None
    settings.WEBHOOKS_ALLOWED_PRIVATE_NETWORKS = (ipaddress.ip_network("127.0.0.0/8"),)
    settings.WEBHOOKS_RETRY_JITTER = 0.0


@pytest.fixture
def shop(transactional_db: None) -> App:
    return make_app().app


def _json(*arguments: str) -> tuple[dict[str, Any], str]:
    """The document, and what was said beside it."""
    out, err = StringIO(), StringIO()
    call_command(*arguments, "--json", stdout=out, stderr=err)
    document: dict[str, Any] = json.loads(out.getvalue())
    return document, err.getvalue()


# add_endpoint ------------------------------------------------------------------------------------


def test_an_endpoint_is_printed_as_rest_shows_it_and_with_its_secret(shop: App) -> None:
    make_event_type(shop)
    document, beside = _json("add_endpoint", "shop", "https://192.0.78.1/hooks", "--events", "order.paid, order.*")
    endpoint = Endpoint.objects.get()
    assert document == {
        "id": endpoint.public_id,
        "name": "",
        "description": "",
        "url": "https://192.0.78.1/hooks",
        "environment": "live",
        "event_types": ["order.paid", "order.*"],
        "organization_id": None,
        "headers": {},
        "metadata": {},
        "rate_limit": None,
        "enabled": True,
        "disabled_reason": None,
        "health": "setup",
        "created_at": endpoint.created_at.isoformat().replace("+00:00", "Z"),
        "updated_at": endpoint.updated_at.isoformat().replace("+00:00", "Z"),
        "held_count": 0,
        "secret": reveal_secret(endpoint, ACTOR),
    }
    assert beside == ""
    entry = AuditEntry.objects.get(action="endpoint.created")
    assert (entry.actor_type, entry.actor_name) == ("command", "manage.py add_endpoint")


def test_without_events_it_is_all_of_them_in_the_live_environment(shop: App) -> None:
    out = StringIO()
    call_command("add_endpoint", shop.public_id, "https://192.0.78.1/hooks", stdout=out)
    endpoint = Endpoint.objects.get()
    assert (endpoint.event_types, endpoint.environment) == (["*"], "live")
    assert reveal_secret(endpoint, ACTOR) in out.getvalue()


def test_a_name_that_does_not_resolve_is_a_warning_beside_the_document(shop: App) -> None:
    document, beside = _json("add_endpoint", "shop", "https://hooks.switera.example/", "--environment", "test")
    assert (document["url"], document["environment"]) == ("https://hooks.switera.example/", "test")
    assert beside.startswith("Warning: hooks.switera.example ")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["none", "https://192.0.78.1/"], "There is no app with the id or slug 'none'."),
        (["shop", "https://10.0.0.1/"], "10.0.0.1 is a private address"),
        (["shop", "hooks"], "Write the whole URL"),
        (["shop", "https://192.0.78.1/", "--events", "order paid"], "event_types: 'order paid' is not a pattern"),
        (["shop", "https://192.0.78.1/", "--events", ""], "event_types: '' is not a pattern"),
    ],
)
def test_a_mistake_is_one_sentence_and_adds_nothing(shop: App, arguments: list[str], sentence: str) -> None:
    before = AuditEntry.objects.count()
    with pytest.raises(CommandError) as raised:
        call_command("add_endpoint", *arguments)
    assert str(raised.value).startswith(sentence)
    assert (Endpoint.objects.count(), AuditEntry.objects.count()) == (0, before)


# deliver_due -------------------------------------------------------------------------------------


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(answers(OK)) as receiver:
        yield receiver


def test_what_is_due_is_delivered_and_counted(shop: App, receiver: Receiver) -> None:
    make_endpoint(shop, url=receiver.url())
    for number in range(3):
        make_event(shop, data={"number": number})
    assert _json("deliver_due") == ({"attempts": 3}, "")
    assert len(receiver.requests) == 3
    assert set(Delivery.objects.values_list("status", "attempt_count")) == {("succeeded", 1)}


def test_nothing_due_is_no_attempt(shop: App) -> None:
    assert _json("deliver_due") == ({"attempts": 0}, "")
    out = StringIO()
    call_command("deliver_due", stdout=out)
    assert out.getvalue() == "Made 0 attempts.\n"


def test_a_retry_that_is_due_later_is_left_for_later(shop: App, settings: Settings) -> None:
    settings.WEBHOOKS_RETRY_SCHEDULE = (3600.0,)
    with Receiver(answers(answer("500 Internal Server Error"))) as receiver:
        make_endpoint(shop, url=receiver.url())
        make_event(shop)
        assert _json("deliver_due", "--until-empty") == ({"attempts": 1}, "")
        assert len(receiver.requests) == 1
    assert Delivery.objects.get().status == DeliveryStatus.PENDING


def test_one_pass_makes_one_attempt_and_until_empty_goes_on_with_retries_that_come_due(
    shop: App, settings: Settings
) -> None:
    settings.WEBHOOKS_RETRY_SCHEDULE = (0.0, 0.0)
    with Receiver(answers(answer("500 Internal Server Error"))) as receiver:
        make_endpoint(shop, url=receiver.url())
        make_event(shop)
        assert _json("deliver_due", "--until-empty") == ({"attempts": 3}, "")
        assert len(receiver.requests) == 3
    assert Delivery.objects.get().status == DeliveryStatus.FAILED


def test_until_empty_waits_for_a_rate_limit(shop: App, receiver: Receiver) -> None:
    make_endpoint(shop, url=receiver.url(), rate_limit=5)
    for number in range(8):
        make_event(shop, data={"number": number})
    assert _json("deliver_due", "--until-empty") == ({"attempts": 8}, "")
    assert Delivery.objects.filter(status=DeliveryStatus.SUCCEEDED).count() == 8


def test_held_deliveries_do_not_keep_until_empty_from_ending(shop: App, receiver: Receiver) -> None:
    endpoint = make_endpoint(shop, url=receiver.url())
    disable_endpoint(endpoint, DisabledReason.MANUAL, ACTOR)
    make_event(shop)
    assert _json("deliver_due", "--until-empty") == ({"attempts": 0}, "")
    assert receiver.requests == []
    assert Delivery.objects.get().status == DeliveryStatus.PENDING


def test_a_lease_that_ran_out_is_found_and_delivered(shop: App, receiver: Receiver, settings: Settings) -> None:
    """S43: also where no other process is left to find it."""
    settings.WEBHOOKS_RETRY_SCHEDULE = (0.0,)
    endpoint = make_endpoint(shop, url=receiver.url())
    make_event(shop)
    _json("deliver_due")
    past = timezone.now() - dt.timedelta(seconds=1)
    Delivery.objects.update(status=DeliveryStatus.SENDING, lease=uuid.uuid4(), leased_until=past)
    endpoint.lane.refresh_from_db()
    endpoint.lane.in_flight = 1
    endpoint.lane.save(update_fields=["in_flight"])
    _json("deliver_due", "--until-empty")
    assert Delivery.objects.get().status == DeliveryStatus.SUCCEEDED
    assert list(Attempt.objects.order_by("number").values_list("error_code", flat=True)) == ["", "worker_lost", ""]
