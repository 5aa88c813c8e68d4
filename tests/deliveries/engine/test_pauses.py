"""Pauses of a whole endpoint: Retry-After of a receiver with too much to do, and the rate that a Builder set."""

import datetime as dt
import itertools
import threading
import time

import pytest
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

from deliveries.engine.drain import Engine
from deliveries.engine.lane_rules import PAUSE_SECONDS_AT_MOST
from deliveries.engine.results import result_of
from deliveries.engine.statements import Claimed, statements
from deliveries.error_codes import ErrorCode
from deliveries.models import Delivery, Lane, Turn
from deliveries.transport.sender import Outcome
from tests.deliveries.engine.rows import due_in, lane_of, make_app, make_due, make_endpoint, make_waiting
from tests.receivers.behaviours import answer
from tests.receivers.server import Peer, Receiver
from webhooks.models import Endpoint

pytestmark = pytest.mark.django_db(transaction=True)


def answered(claim: Claimed, status: int, retry_after: str) -> Outcome:
    return Outcome(
        claim, timezone.now(), 5, status, (("Retry-After", retry_after),), "", False, ErrorCode.HTTP_STATUS, "No."
    )


def claim_one() -> tuple[Endpoint, Claimed]:
    endpoint = make_endpoint(make_app())
    make_waiting(endpoint, Turn.FRESH, 5)
    make_waiting(endpoint, Turn.RETRY, 5)
    (claim,) = statements().claim(1, 25)
    return endpoint, claim


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_endpoint_that_asks_for_a_pause_gets_nothing_but_what_is_urgent_before(status: int) -> None:
    """S22, S23."""
    endpoint, claim = claim_one()
    before = timezone.now()

    statements().finish([result_of(claim, answered(claim, status, "120"))])

    until = lane_of(endpoint).paused_until
    assert until is not None
    assert 120 <= (until - before).total_seconds() <= 122
    assert statements().claim(100, 25) == []
    assert lane_of(endpoint).first_wake_at == lane_of(endpoint).retry_wake_at == until
    (urgent,) = make_waiting(endpoint, Turn.URGENT)
    assert [one.delivery_id for one in statements().claim(100, 25)] == [urgent.pk]
    Lane.objects.update(paused_until=timezone.now() - dt.timedelta(milliseconds=5))
    assert len(statements().claim(100, 25)) == lane_of(endpoint).cap - 1 == 7


@pytest.mark.parametrize("status", [200, 400, 404, 500, 501])
def test_any_other_answer_with_retry_after_postpones_that_delivery_alone(status: int) -> None:
    endpoint, claim = claim_one()

    statements().finish([result_of(claim, answered(claim, status, "7200"))])

    assert lane_of(endpoint).paused_until is None
    assert 7_195 < due_in(Delivery.objects.get(pk=claim.delivery_id)) <= 7_200
    assert len(statements().claim(100, 25)) == 9


@pytest.mark.parametrize(("asked", "pauses"), [("3600", 3_600), ("3601", 3_600), ("86400", 3_600), ("9" * 30, 3_600)])
def test_no_endpoint_is_paused_for_longer_than_an_hour_though_the_delivery_waits(asked: str, pauses: int) -> None:
    endpoint, claim = claim_one()
    before = timezone.now()

    statements().finish([result_of(claim, answered(claim, 429, asked))])

    until = lane_of(endpoint).paused_until
    assert until is not None
    assert pauses == PAUSE_SECONDS_AT_MOST
    assert pauses <= (until - before).total_seconds() <= pauses + 2
    wait = min(float(asked), 86_400.0)
    assert wait - 5 < due_in(Delivery.objects.get(pk=claim.delivery_id)) <= wait


@pytest.mark.parametrize("asked", ["0", "-5", "soon", "", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_garbage_and_the_past_pause_nothing(asked: str) -> None:
    """S22."""
    endpoint, claim = claim_one()

    statements().finish([result_of(claim, answered(claim, 503, asked))])

    assert lane_of(endpoint).paused_until is None
    assert len(statements().claim(100, 25)) == lane_of(endpoint).cap == 8


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    endpoint, claim = claim_one()
    (second,) = statements().claim(1, 25)
    statements().finish([result_of(claim, answered(claim, 429, "600"))])
    until = lane_of(endpoint).paused_until

    statements().finish([result_of(second, answered(second, 429, "1"))])

    assert lane_of(endpoint).paused_until == until


def test_a_receiver_that_says_429_is_left_alone_until_its_pause_is_over(engine: Engine, settings: Settings) -> None:
    """S22, S23, from the request to the next one."""
    settings.WEBHOOKS_RETRY_SCHEDULE = (1.0,)
    slow_down = answer("429 Too Many Requests", b"", "Retry-After: 500")
    responses = itertools.chain([slow_down], itertools.repeat(answer("204 No Content")))

    def behave(peer: Peer) -> None:
        while peer.read_request():
            peer.send(next(responses))

    with Receiver(behave) as receiver:
        endpoint = make_endpoint(make_app(), url=receiver.url(), cap=1)
        make_waiting(endpoint, Turn.FRESH, 3)
        engine.drain(None)
        make_due(Delivery.objects.all())
        engine.drain(None)
        assert len(receiver.requests) == 1
        until = lane_of(endpoint).paused_until
        assert until is not None
        assert 495 < (until - timezone.now()).total_seconds() <= 500
        (test,) = make_waiting(endpoint, Turn.URGENT, test=True)
        engine.drain(None)
        assert [request.header("switera-delivery-id") for request in receiver.requests[1:]] == [test.public_id]

        Lane.objects.update(paused_until=timezone.now())
        engine.drain(None)

    assert len(receiver.requests) == 5
    assert set(Delivery.objects.values_list("status", flat=True)) == {"succeeded"}


def test_claims_side_by_side_take_no_more_than_the_buckets_tokens() -> None:
    """Four workers: what they lease together is what the bucket held and what it gained meanwhile."""
    rate = 10
    endpoint = make_endpoint(make_app(), rate=rate, cap=256)
    make_waiting(endpoint, Turn.FRESH, 150)
    taken: list[Claimed] = []
    problems: list[Exception] = []
    together = threading.Barrier(5)

    def work() -> None:
        try:
            together.wait(10)
            for _ in range(25):
                taken.extend(statements().claim(50, 25))
        except Exception as problem:  # noqa: BLE001 (told to the test below)
            problems.append(problem)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    started = time.monotonic()
    together.wait(10)
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - started

    assert problems == []
    assert rate <= len(taken) <= rate + rate * seconds
    assert len({claim.delivery_id for claim in taken}) == len(taken) == lane_of(endpoint).in_flight
    lane = lane_of(endpoint)
    assert 0 <= lane.tokens <= rate
    assert len(taken) + lane.tokens <= rate + rate * seconds + 0.01
