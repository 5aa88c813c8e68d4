"""What the engine tells of deliveries that failed for good or recovered, with the results that make it so (S40)."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from deliveries.delivery_actions import retry_delivery
from deliveries.engine import recording
from deliveries.engine.recording import record
from deliveries.engine.results import result_of
from deliveries.engine.statements import Claimed, Result, statements
from deliveries.engine.sweep import sweep
from deliveries.error_codes import ErrorCode
from deliveries.models import Attempt, Delivery, Lane
from deliveries.test_send import send_test
from deliveries.transport.sender import Outcome
from events import emit
from events.event_types import sync_event_catalog
from events.models import Event
from switera_webhooks.times import iso
from tests.deliveries.engine.rows import lane_of, make_app, make_due, make_endpoint, make_events
from tests.factories import ACTOR
from webhooks.models import App, Endpoint

pytestmark = pytest.mark.django_db
FAILED, RECOVERED = "webhook.delivery.failed", "webhook.delivery.recovered"


@pytest.fixture(autouse=True)
def _catalog(settings: Settings) -> None:
    settings.WEBHOOKS_RETRY_SCHEDULE = (100.0,)
    sync_event_catalog()


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def endpoint(app: App) -> Endpoint:
    return make_endpoint(app)


def told(type: str) -> list[Any]:
    return [event.data for event in Event.objects.filter(type=type).order_by("id")]


def claim_all() -> list[Claimed]:
    """Everything that waits, retries too, as if its time had come."""
    statements().fan_out(100)
    make_due(Delivery.objects.all())
    return statements().claim(100, 25)


def outcome(claim: Claimed, status: int) -> Result:
    works = status < 300
    return result_of(
        claim,
        Outcome(
            token=claim,
            started_at=timezone.now(),
            duration_ms=5,
            status=status,
            headers=(),
            body="",
            truncated=False,
            error_code=None if works else ErrorCode.HTTP_STATUS,
            error="" if works else f"It answered {status}.",
        ),
    )


def finish(claims: Sequence[Claimed], status: int) -> None:
    record([outcome(claim, status) for claim in claims])


def exhaust(app: App, *, count: int = 1) -> list[Delivery]:
    """Deliveries that have used up their two attempts."""
    events = make_events(app, count)
    finish(claim_all(), 503)
    finish(claim_all(), 503)
    return list(Delivery.objects.filter(event__in=events).order_by("id"))


def test_a_delivery_whose_retries_are_exhausted_is_told_once_with_its_attempts(app: App, endpoint: Endpoint) -> None:
    make_events(app)
    finish(claim_all(), 503)
    assert told(FAILED) == []

    finish(claim_all(), 503)

    delivery = Delivery.objects.get()
    attempts = Attempt.objects.order_by("number")
    assert (delivery.status, [attempt.number for attempt in attempts]) == ("failed", [1, 2])
    assert delivery.failed_at is not None
    assert told(FAILED) == [
        {
            "delivery_id": delivery.public_id,
            "event_id": delivery.event.public_id,
            "event_type": "order.paid",
            "endpoint_id": endpoint.public_id,
            "attempts": 2,
            "last_status_code": 503,
            "last_error": "http_status",
            "first_attempt_at": iso(attempts[0].started_at),
            "last_attempt_at": iso(attempts[1].started_at),
        }
    ]
    event = Event.objects.get(type=FAILED)
    assert (event.app, event.environment, event.about_endpoint_id) == (app, "live", endpoint.pk)


def test_the_event_is_of_the_environment_and_organization_of_the_endpoint(app: App) -> None:
    """Live and test never mix."""
    organization = app.organizations.create(name="Acme", slug="acme")
    endpoint = make_endpoint(app, environment="test")
    Endpoint.objects.update(organization=organization)
    make_events(app)
    Event.objects.update(environment="test", organization=organization)
    finish(claim_all(), 503)
    finish(claim_all(), 503)

    event = Event.objects.get(type=FAILED)
    assert (event.environment, event.organization, event.about_endpoint_id) == ("test", organization, endpoint.pk)


def test_a_retry_by_hand_that_fails_for_good_too_is_told_again(app: App, endpoint: Endpoint) -> None:
    (delivery,) = exhaust(app)
    retry_delivery(delivery, ACTOR)
    finish(claim_all(), 500)
    assert len(told(FAILED)) == 1

    finish(claim_all(), 500)

    assert [data["attempts"] for data in told(FAILED)] == [2, 4]
    assert told(RECOVERED) == []


def test_a_delivery_that_failed_for_good_and_is_tried_again_by_hand_is_told_as_recovered(
    app: App, endpoint: Endpoint
) -> None:
    first, second = exhaust(app, count=2)
    for delivery in (first, second):
        retry_delivery(delivery, ACTOR)

    finish(claim_all(), 200)

    since = iso(Attempt.objects.order_by("started_at")[0].started_at)
    lane_since = told(RECOVERED)[0]["failing_since"]
    assert since <= lane_since
    assert told(RECOVERED) == [
        {
            "delivery_id": delivery.public_id,
            "event_id": delivery.event.public_id,
            "event_type": "order.paid",
            "endpoint_id": endpoint.public_id,
            "attempts": 3,
            "failing_since": lane_since,
        }
        for delivery in sorted((first, second), key=lambda one: told_place(one))
    ]
    assert lane_of(endpoint).down_since is None
    assert set(Delivery.objects.values_list("status", "failed_at")) == {("succeeded", None)}


def told_place(delivery: Delivery) -> int:
    return [data["delivery_id"] for data in told(RECOVERED)].index(delivery.public_id)


def test_one_that_recovers_after_its_endpoint_did_has_failed_since_its_first_attempt(
    app: App, endpoint: Endpoint
) -> None:
    (delivery,) = exhaust(app)
    make_events(app)
    finish(claim_all(), 200)  # a first attempt, a moment later: nobody was told that the endpoint was down
    assert lane_of(endpoint).down_since is None
    assert told(RECOVERED) == []

    retry_delivery(delivery, ACTOR)
    finish(claim_all(), 200)

    first = Attempt.objects.get(delivery=delivery, number=1)
    assert [(data["delivery_id"], data["failing_since"]) for data in told(RECOVERED)] == [
        (delivery.public_id, iso(first.started_at))
    ]


def test_a_retry_that_succeeds_tells_that_the_endpoint_works_again_and_the_next_ones_do_not(
    app: App, endpoint: Endpoint
) -> None:
    make_events(app, 3)
    finish(claim_all(), 503)
    since = lane_of(endpoint).down_since
    assert since is not None

    one, *others = claim_all()
    finish([one], 200)
    finish(others, 200)

    assert lane_of(endpoint).down_since is None
    assert [(data["attempts"], data["failing_since"]) for data in told(RECOVERED)] == [(2, iso(since))]
    assert told(FAILED) == []


def test_a_first_attempt_that_succeeds_tells_it_after_a_minute_of_failures(app: App, endpoint: Endpoint) -> None:
    since = timezone.now() - recording.TOLD_AFTER - dt.timedelta(seconds=1)
    Lane.objects.update(down_since=since)
    make_events(app)

    finish(claim_all(), 200)

    assert [(data["attempts"], data["failing_since"]) for data in told(RECOVERED)] == [(1, iso(since))]


def test_what_was_let_out_before_the_endpoint_failed_says_nothing_of_it(app: App, endpoint: Endpoint) -> None:
    make_events(app, 2)
    early, late = claim_all()
    finish([early], 503)
    since = lane_of(endpoint).down_since

    finish([late], 200)

    assert since is not None
    assert (lane_of(endpoint).down_since, lane_of(endpoint).failing_since) == (since, None)
    assert told(RECOVERED) == []
    finish(claim_all(), 200)
    assert len(told(RECOVERED)) == 1


def test_nothing_is_told_of_test_sends_whether_they_fail_or_succeed(app: App, endpoint: Endpoint) -> None:
    """S40."""
    test = send_test(endpoint, "order.paid", ACTOR)
    finish(claim_all(), 500)
    finish(claim_all(), 500)
    test.refresh_from_db()
    assert (test.status, lane_of(endpoint).down_since) == ("failed", None)
    retry_delivery(test, ACTOR)
    finish(claim_all(), 200)
    assert Event.objects.filter(type__startswith="webhook.").count() == 0

    make_events(app)
    finish(claim_all(), 500)
    down_since = lane_of(endpoint).down_since
    send_test(endpoint, "webhook.test", ACTOR)
    [claim] = [claim for claim in statements().claim(100, 25) if claim.event_type == "webhook.test"]
    finish([claim], 200)
    assert down_since is not None
    assert lane_of(endpoint).down_since == down_since
    finish(claim_all(), 200)
    assert len(told(RECOVERED)) == 1  # the real one tells it, although the test send came through before


def test_nothing_is_told_of_deliveries_of_webhook_events(app: App, endpoint: Endpoint) -> None:
    """S40: delivering one never creates another."""
    watcher = make_endpoint(app, "webhook.*")
    exhaust(app)
    [notice] = claim_all()
    assert (notice.endpoint_id, notice.event_type) == (watcher.pk, FAILED)
    finish([notice], 500)
    finish(claim_all(), 500)

    delivery = Delivery.objects.get(endpoint=watcher)
    assert delivery.status == "failed"
    assert lane_of(watcher).down_since is None
    retry_delivery(delivery, ACTOR)
    finish(claim_all(), 200)
    delivery.refresh_from_db()
    assert delivery.status == "succeeded"
    assert (len(told(FAILED)), len(told(RECOVERED))) == (1, 0)


def test_a_delivery_that_loses_its_workers_until_nothing_is_left_is_told(app: App, endpoint: Endpoint) -> None:
    """S43."""
    make_events(app)
    for _ in range(4):
        assert len(claim_all()) == 1
        Delivery.objects.update(leased_until=timezone.now() - dt.timedelta(seconds=1))
        assert sweep() == 1

    assert Delivery.objects.get().status == "failed"
    assert [(data["attempts"], data["last_status_code"], data["last_error"]) for data in told(FAILED)] == [
        (4, None, "worker_lost")
    ]
    assert told(RECOVERED) == []


def test_a_result_whose_lease_was_lost_is_not_told(app: App, endpoint: Endpoint) -> None:
    make_events(app)
    finish(claim_all(), 503)
    [stale] = claim_all()
    Delivery.objects.update(leased_until=timezone.now() - dt.timedelta(seconds=1))
    sweep()

    finish([stale], 503)

    assert Delivery.objects.get().status == "pending"
    assert told(FAILED) == []


def test_results_are_recorded_where_their_event_cannot_be_made(
    app: App, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What was sent must not be sent again because nothing could tell of it."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(recording, "emit_all_built_in", broken)

    (delivery,) = exhaust(app)

    assert (delivery.status, delivery.attempt_count) == ("failed", 2)
    assert told(FAILED) == []
    assert "no event tells of it" in caplog.text


def test_a_batch_in_which_nothing_failed_for_good_or_recovered_is_one_statement_alone(
    app: App, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(recording, "_tell_if_possible", never)
    make_events(app, 2)
    claims = claim_all()
    assert [(claim.down, claim.failed_before) for claim in claims] == [(False, False)] * 2
    results = [outcome(claims[0], 200), outcome(claims[1], 500)]
    assert [result.may_be_told for result in results] == [False, False]

    record(results)

    assert sorted(Delivery.objects.values_list("status", flat=True)) == ["pending", "succeeded"]


def test_more_at_once_than_a_batch_of_events_holds_are_all_told(
    app: App, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (emit, recording):
        monkeypatch.setattr(module, "MAX_BATCH", 2)
    exhaust(app, count=5)

    assert len(told(FAILED)) == 5
