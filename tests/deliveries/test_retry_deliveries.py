"""The command retry_deliveries."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from deliveries.models import Delivery, Replay
from tests.deliveries.engine.rows import make_app, make_endpoint
from tests.deliveries.replaying import make_failed, pending, work
from webhooks.models import App, AuditEntry, Endpoint

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def endpoint(app: App) -> Endpoint:
    return make_endpoint(app)


def _said(*arguments: str) -> str:
    out = StringIO()
    call_command("retry_deliveries", *arguments, stdout=out)
    return out.getvalue()


def test_it_starts_a_job_and_says_which(app: App, endpoint: Endpoint) -> None:
    failed = make_failed(endpoint, 2)
    said = _said(app.slug)
    replay = Replay.objects.get()
    assert said == f"{replay.public_id} tries 2 deliveries again (0 so far).\n"
    assert _said(app.public_id) == said  # while it runs it is the same job
    work()
    assert (pending(), Replay.objects.count()) == (failed, 1)
    entry = AuditEntry.objects.get(action="replay.started")
    assert (entry.actor_type, entry.actor_name) == ("command", "manage.py retry_deliveries")


def test_it_is_printed_as_rest_shows_it(app: App, endpoint: Endpoint) -> None:
    make_failed(endpoint, 2)
    (wanted,) = make_failed(endpoint, event_type="order.sent", error_code="timeout", response_status=504)
    arguments: tuple[str, ...] = ("--endpoint", endpoint.public_id, "--type", "order.sent", "--error-code", "timeout")
    arguments += ("--response-status", "504", "--after", "2026-01-01T00:00:00Z", "--before", "2100-01-01T00:00:00Z")
    shown: dict[str, Any] = json.loads(_said(app.slug, *arguments, "--json"))
    replay = Replay.objects.get()
    assert shown["id"] == replay.public_id
    assert shown["before"] == shown["created_at"]
    names = ("kind", "environment", "endpoint_id", "event_type", "error_code", "response_status", "after", "test")
    assert {name: shown[name] for name in names} == {
        "kind": "failed",
        "environment": "live",
        "endpoint_id": endpoint.public_id,
        "event_type": "order.sent",
        "error_code": "timeout",
        "response_status": 504,
        "after": "2026-01-01T00:00:00Z",
        "test": None,
    }
    assert (shown["status"], shown["count"]) == ("queued", 1)
    work()
    assert pending() == [wanted]


def test_another_state_and_environment_can_be_asked_for(app: App, endpoint: Endpoint) -> None:
    make_failed(endpoint)
    (canceled,) = make_failed(endpoint, status="canceled")
    (in_test,) = make_failed(make_endpoint(app, environment="test"))
    assert "tries 1 delivery again" in _said(app.slug, "--status", "canceled")
    assert "tries 1 delivery again" in _said(app.slug, "--environment", "test")
    work()
    assert set(pending()) == {canceled, in_test}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["none"], "There is no app with the id or slug 'none'."),
        (["APP", "--endpoint", "ep_1"], "'ep_1' is no endpoint's id: give one that starts with ep_."),
        (
            ["APP", "--endpoint", "ep_01m84w1vmver3skjvqwnncx601"],
            "There is no such endpoint in this app and environment.",
        ),
        (["APP", "--after", "yesterday"], "Error: argument --after: 'yesterday' is no time. Give an ISO 8601 date"),
        (["APP", "--status", "sending"], "Error: argument --status: invalid choice: 'sending'"),
        (["APP", "--status", "missing"], "Error: argument --status: invalid choice: 'missing'"),
        (["APP", "--error-code", "none"], "Error: argument --error-code: invalid choice: 'none'"),
        (["APP", "--response-status", "5xx"], "Error: argument --response-status: invalid int value: '5xx'"),
    ],
)
def test_a_mistake_is_one_sentence_and_starts_nothing(
    app: App, endpoint: Endpoint, arguments: list[str], sentence: str
) -> None:
    make_failed(endpoint)
    with pytest.raises(CommandError) as raised:
        call_command("retry_deliveries", *[app.slug if word == "APP" else word for word in arguments])
    assert str(raised.value).startswith(sentence)
    assert (Replay.objects.count(), Delivery.objects.get().status) == (0, "failed")
