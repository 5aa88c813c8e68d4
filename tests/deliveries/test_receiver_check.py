"""check_receiver: what a receiver does with one good message and with those that it must refuse."""

import ipaddress
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from deliveries.endpoints import delete_endpoint, disable_endpoint
from deliveries.models import Attempt, Delivery
from deliveries.receiver import Receiver as SampleReceiver
from events.models import Event
from switera_webhooks.ids import Prefix, to_public_id
from tests.factories import ACTOR, make_app, make_endpoint
from tests.receivers.behaviours import answer, answers
from tests.receivers.server import Receiver
from webhooks.models import App, AuditEntry, DisabledReason, Endpoint
from webhooks.secrets import reveal_secret, rotate_secret

pytestmark = pytest.mark.django_db
BAD = [
    "signed with another secret",
    "body changed after signing",
    "webhook-id changed after signing",
    "webhook-timestamp changed after signing",
    "signed an hour ago",
    "signed in an hour's time",
    "without webhook-signature",
    "without webhook-timestamp",
    "without webhook-id",
    "empty webhook-signature",
]


@pytest.fixture(autouse=True)
def _loopback_allowed(settings: Settings) -> None:
    settings.WEBHOOKS_ALLOW_HTTP = True
    settings.WEBHOOKS_ALLOWED_PORTS = None
    settings.WEBHOOKS_ALLOWED_PRIVATE_NETWORKS = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.fixture
def app() -> App:
    return make_app().app


@contextmanager
def listening(secret: str | None) -> Iterator[tuple[str, list[str]]]:
    """The sample receiver's URL, and what it says."""
    said: list[str] = []
    with SampleReceiver(0, secret, said.append) as receiver:
        thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{receiver.server_address[1]}/hooks", said
        finally:
            receiver.shutdown()
            thread.join()


def check(endpoint: Endpoint) -> tuple[dict[str, Any], str]:
    """The document, and the error that it ends with."""
    out, error = StringIO(), ""
    try:
        call_command("check_receiver", endpoint.public_id, "--json", stdout=out)
    except CommandError as problem:
        error = str(problem)
    document: dict[str, Any] = json.loads(out.getvalue())
    return document, error


@pytest.mark.parametrize("rotating", [False, True])
def test_a_receiver_that_verifies_accepts_the_good_one_and_refuses_the_others(app: App, rotating: bool) -> None:
    """By the standard's own library; during a rotation with either secret."""
    endpoint = make_endpoint(app)
    secret = reveal_secret(endpoint, ACTOR)
    if rotating:
        rotate_secret(endpoint, 60, ACTOR)
    with listening(secret) as (url, said):
        Endpoint.objects.update(url=url)
        document, error = check(endpoint)

    assert error == ""
    assert (document["verifies"], document["endpoint_id"], document["url"]) == (True, endpoint.public_id, url)
    good, *bad = document["probes"]
    assert good == {
        "name": "signed as every message is", "expected": "2xx", "status": 204, "error": "", "verdict": "good",
    }  # fmt: skip
    assert [probe["name"] for probe in bad] == BAD
    assert {(probe["expected"], probe["status"], probe["verdict"]) for probe in bad} == {("4xx", 400, "good")}
    assert len(said) == 11


def test_it_is_audited_and_leaves_no_event_delivery_or_attempt(app: App) -> None:
    """S46."""
    endpoint = make_endpoint(app)
    before = Event.objects.count()
    with Receiver(answers(answer("204 No Content"))) as receiver:
        Endpoint.objects.update(url=receiver.url())
        check(endpoint)

    assert (Event.objects.count(), Delivery.objects.count(), Attempt.objects.count()) == (before, 0, 0)
    entry = AuditEntry.objects.get(action="endpoint.checked")
    assert (entry.target_id, entry.actor_name) == (endpoint.public_id, "manage.py check_receiver")
    assert entry.changes == {"verdicts": {"signed as every message is": "good", **dict.fromkeys(BAD, "bad")}}
    bodies = [json.loads(request.body) for request in receiver.requests]
    assert {(body["type"], body["test"], body["data"]["endpoint_id"]) for body in bodies} == {
        ("webhook.test", True, endpoint.public_id)
    }
    assert len({body["id"] for body in bodies}) == 11  # none is refused because it came before


def test_one_that_accepts_everything_does_not_verify(app: App) -> None:
    endpoint = make_endpoint(app)
    with listening(None) as (url, _):
        Endpoint.objects.update(url=url)
        document, error = check(endpoint)

    assert error == "The receiver does not verify: it accepted 10 of the 10 bad messages."
    assert document["verifies"] is False
    assert [probe["verdict"] for probe in document["probes"]] == ["good", *["bad"] * 10]


def test_one_that_refuses_everything_is_no_better(app: App) -> None:
    endpoint = make_endpoint(app)
    with Receiver(answers(answer("401 Unauthorized"))) as receiver:
        Endpoint.objects.update(url=receiver.url())
        document, error = check(endpoint)

    assert error.startswith("The receiver did not accept the message that is signed as it should be")
    assert [probe["verdict"] for probe in document["probes"]] == ["bad", *["good"] * 10]


def test_a_refusal_with_another_status_than_4xx_is_unclear(app: App) -> None:
    endpoint = make_endpoint(app)
    responses = [answer("200 OK"), answer("500 Internal Server Error"), answer("302 Found", b"", "Location: /")]
    with Receiver(answers(*responses, answer("403 Forbidden"))) as receiver:
        Endpoint.objects.update(url=receiver.url())
        out = StringIO()
        call_command("check_receiver", endpoint.public_id, stdout=out)

    lines = out.getvalue().splitlines()
    assert lines[0] == f"{endpoint.public_id} at {receiver.url()}"
    assert lines[1].split() == ["message", "should", "be", "answer"]
    assert [line.split()[-2:] for line in lines[2:13]] == [
        ["200", "good"], ["500", "unclear"], ["302", "unclear"], *[["403", "good"]] * 8,
    ]  # fmt: skip
    assert lines[13].startswith("unclear: refused, but")
    assert lines[14] == "The receiver verifies what it gets."


def test_the_guard_decides_as_for_every_delivery(app: App, settings: Settings) -> None:
    """S12: nothing is sent."""
    settings.WEBHOOKS_ALLOWED_PRIVATE_NETWORKS = ()
    endpoint = make_endpoint(app)
    with Receiver(answers(answer())) as receiver:
        Endpoint.objects.update(url=receiver.url().replace("http:", "https:"))
        document, error = check(endpoint)
        assert receiver.requests == []

    assert error
    assert {probe["status"] for probe in document["probes"]} == {None}


def test_a_disabled_endpoint_is_checked_too_and_a_deleted_or_unknown_one_is_not_found(app: App) -> None:
    endpoint = make_endpoint(app)
    disable_endpoint(endpoint, DisabledReason.MANUAL, ACTOR)
    with listening(reveal_secret(endpoint, ACTOR)) as (url, _):
        Endpoint.objects.update(url=url)
        assert check(endpoint)[1] == ""
        delete_endpoint(endpoint, ACTOR)
        for unknown in (endpoint.public_id, to_public_id(Prefix.ENDPOINT, app.pk), app.public_id, "x"):
            with pytest.raises(CommandError, match="There is no endpoint with the id"):
                call_command("check_receiver", unknown, stdout=StringIO())
