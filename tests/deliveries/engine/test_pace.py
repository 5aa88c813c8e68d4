"""What retries leave to first attempts: half of the time while those keep coming, and nothing undelivered."""

import datetime as dt
import uuid

import pytest
from django.utils import timezone

from deliveries.engine import pace
from deliveries.engine.drain import Engine
from deliveries.engine.pace import RETRIES_AT_ONCE, RetryPace
from deliveries.engine.statements import Claimed, statements
from deliveries.models import Delivery, DeliveryStatus, Turn
from tests.deliveries.engine.clocks import Clock
from tests.deliveries.engine.rows import make_app, make_endpoint, make_waiting
from tests.receivers.behaviours import answer, answers
from tests.receivers.server import Receiver


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pace, "time", clock)
    return clock


def claims(first: int, retries: int) -> list[Claimed]:
    any_id = uuid.uuid4()
    return [
        Claimed(any_id, any_id, any_id, 1, any_id, any_id, "order.paid", attempts, attempts, "{}")
        for attempts in [0] * first + [1] * retries
    ]


def test_without_first_attempts_retries_never_rest(clock: Clock) -> None:
    retries = RetryPace()

    retries.claimed(claims(0, 64))
    retries.took(0.02)

    assert retries.rest() == 0
    assert retries.lanes(256) == 64


def test_while_first_attempts_keep_coming_retries_rest_as_long_as_a_round_with_some_took(clock: Clock) -> None:
    retries = RetryPace()
    retries.claimed(claims(20, 0))
    retries.took(0.02)
    assert retries.lanes(256) == RETRIES_AT_ONCE == 32
    assert retries.lanes(40) == 10

    retries.claimed(claims(1, 31))
    retries.took(0.02)

    assert retries.lanes(256) == 0
    assert retries.rest() == pytest.approx(0.02)
    clock.now += 0.021
    assert retries.lanes(256) == RETRIES_AT_ONCE
    # A round without any is none of their time.
    retries.took(0.02)
    assert retries.rest() == 0


def test_two_seconds_after_the_last_first_attempt_retries_have_all_the_time_again(clock: Clock) -> None:
    retries = RetryPace()
    retries.claimed(claims(20, 5))

    clock.now += 2.1
    retries.claimed(claims(0, 64))
    retries.took(0.02)

    assert retries.rest() == 0
    assert retries.lanes(256) == 64


@pytest.mark.django_db(transaction=True)
def test_a_claim_without_places_for_retries_passes_over_lanes_that_have_nothing_else() -> None:
    app = make_app()
    make_waiting(make_endpoint(app), Turn.RETRY, 3, timezone.now() - dt.timedelta(minutes=1))
    make_waiting(make_endpoint(app), Turn.FRESH, 2)

    taken = statements().claim(100, 25, retry_lanes=0)

    rows = Delivery.objects.filter(pk__in=[claim.delivery_id for claim in taken])
    assert list(rows.values_list("turn", flat=True)) == [Turn.FRESH, Turn.FRESH]
    assert len(statements().claim(100, 25, retry_lanes=5)) == 3


@pytest.mark.django_db(transaction=True)
def test_a_drain_of_what_is_due_delivers_retries_too_though_they_rest(engine: Engine) -> None:
    app = make_app()
    with Receiver(answers(answer("204 No Content"))) as receiver:
        make_waiting(make_endpoint(app, url=receiver.url(), cap=100), Turn.FRESH, 40)
        make_waiting(make_endpoint(app, url=receiver.url(), cap=100), Turn.RETRY, 200)
        Delivery.objects.filter(turn=Turn.RETRY).update(attempt_count=1)

        report = engine.drain(None, once=True)

    assert (report.sent, report.more) == (240, False)
    assert Delivery.objects.filter(status=DeliveryStatus.SUCCEEDED).count() == 240
    assert len(receiver.requests) == 240
