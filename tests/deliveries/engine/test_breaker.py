"""The circuit breaker of an endpoint: when it opens, what goes out meanwhile, and how it closes."""

import datetime as dt
import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from deliveries.endpoints import disable_endpoint, enable_endpoint, update_endpoint
from deliveries.engine.drain import Engine
from deliveries.engine.lane_rules import CAP_AFTER_OPEN, OPEN_SECONDS, OPEN_SECONDS_AT_MOST
from deliveries.engine.results import result_of, unsent
from deliveries.engine.statements import Claimed, Result, statements
from deliveries.engine.sweep import sweep
from deliveries.models import Delivery, Lane, Turn
from switera_webhooks.times import iso
from tests.deliveries.engine.rows import failed, lane_of, make_app, make_endpoint, make_waiting, succeeded
from tests.receivers.behaviours import answer, answers
from tests.receivers.server import Receiver
from webhooks.audit import SYSTEM
from webhooks.models import DisabledReason, Endpoint

pytestmark = pytest.mark.django_db(transaction=True)

LEASE = 25


def endpoint_with_backlog(count: int = 60, **lane: Any) -> Endpoint:
    endpoint = make_endpoint(make_app(), **lane)
    make_waiting(endpoint, Turn.FRESH, count)
    return endpoint


def one_by_one(number: int, end: Callable[[Claimed], Result]) -> None:
    """Claim and finish so many deliveries, each by itself."""
    for _ in range(number):
        (claim,) = statements().claim(1, LEASE)
        statements().finish([end(claim)])


def fails(claim: Claimed) -> Result:
    return failed(claim, retry_in=3_600)


def open_breaker(**lane: Any) -> Endpoint:
    """An endpoint that only fails, with its breaker open since just now."""
    endpoint = endpoint_with_backlog(**lane)
    one_by_one(10, fails)
    assert lane_of(endpoint).breaker == "open"
    return endpoint


def let_pass_until_half_open(endpoint: Endpoint) -> None:
    Lane.objects.filter(pk=endpoint.pk).update(open_until=timezone.now() - dt.timedelta(milliseconds=5))


def opened_for(endpoint: Endpoint, before: dt.datetime) -> float:
    """Seconds for which it opened, at most those of the statement too long."""
    until = lane_of(endpoint).open_until
    assert until is not None
    return (until - before).total_seconds()


def test_the_tenth_failure_in_a_row_opens_it_for_some_seconds() -> None:
    endpoint = endpoint_with_backlog()
    one_by_one(9, fails)
    assert (lane_of(endpoint).breaker, lane_of(endpoint).failures_in_a_row) == ("closed", 9)
    (claim,) = statements().claim(1, LEASE)
    before = timezone.now()

    (report,) = statements().finish([fails(claim)])

    lane = lane_of(endpoint)
    assert (lane.breaker, lane.opened_count, lane.probing) == ("open", 1, False)
    assert report.opened_until == lane.open_until
    assert OPEN_SECONDS <= opened_for(endpoint, before) <= OPEN_SECONDS + 2


def test_a_success_between_them_starts_the_count_anew() -> None:
    endpoint = endpoint_with_backlog()
    one_by_one(9, fails)
    one_by_one(1, succeeded)
    one_by_one(9, fails)
    assert lane_of(endpoint).breaker == "closed"
    one_by_one(1, fails)
    assert lane_of(endpoint).breaker == "open"


def test_a_busy_endpoint_of_which_less_than_half_fails_stays_closed() -> None:
    endpoint = endpoint_with_backlog()
    one_by_one(11, succeeded)
    one_by_one(10, fails)
    lane = lane_of(endpoint)
    assert (lane.breaker, lane.failures_in_a_row, lane.window_attempts, lane.window_failures) == ("closed", 10, 21, 10)

    one_by_one(1, fails)  # 11 of 22

    assert lane_of(endpoint).breaker == "open"


def test_an_endpoint_that_was_busy_a_minute_ago_is_quiet_now() -> None:
    endpoint = endpoint_with_backlog()
    one_by_one(30, succeeded)
    Lane.objects.update(window_from=timezone.now() - dt.timedelta(seconds=61))

    one_by_one(10, fails)

    lane = lane_of(endpoint)
    assert (lane.breaker, lane.window_attempts, lane.window_failures) == ("open", 10, 10)


def test_test_sends_lost_workers_and_errors_of_our_own_say_nothing_of_the_endpoint() -> None:
    endpoint = make_endpoint(make_app())
    make_waiting(endpoint, Turn.URGENT, 12, test=True)
    one_by_one(12, lambda claim: failed(claim, retry_in=None))
    make_waiting(endpoint, Turn.FRESH, 12)
    one_by_one(12, lambda claim: result_of(claim, unsent(claim, "No key opens the secret.")))
    make_waiting(endpoint, Turn.FRESH, 12)
    assert len(statements().claim(12, LEASE)) == 12
    Delivery.objects.filter(status="sending").update(leased_until=timezone.now() - dt.timedelta(seconds=1))
    assert sweep() == 12

    lane = lane_of(endpoint)
    assert (lane.breaker, lane.failures_in_a_row, lane.window_attempts) == ("closed", 0, 0)


def test_while_it_is_open_nothing_but_what_is_urgent_goes_out_and_no_attempt_is_used() -> None:
    endpoint = open_breaker()
    make_waiting(endpoint, Turn.RETRY, 3)
    before = list(Delivery.objects.filter(status="pending").order_by("pk").values_list("pk", "attempt_count", "due_at"))
    assert statements().claim(100, LEASE) == []
    assert statements().waiting().lanes is False
    assert before == list(
        Delivery.objects.filter(status="pending").order_by("pk").values_list("pk", "attempt_count", "due_at")
    )
    (test,) = make_waiting(endpoint, Turn.URGENT, test=True)
    (by_hand,) = make_waiting(endpoint, Turn.URGENT)

    claimed = statements().claim(100, LEASE)

    assert {claim.delivery_id for claim in claimed} == {test.pk, by_hand.pk}
    assert lane_of(endpoint).probing is False


def test_half_open_it_lets_one_delivery_out_at_a_time() -> None:
    endpoint = open_breaker()
    let_pass_until_half_open(endpoint)
    assert lane_of(endpoint).breaker == "half_open"
    before = timezone.now()

    claimed = statements().claim(100, LEASE)

    assert len(claimed) == 1
    lane = lane_of(endpoint)
    assert (lane.breaker, lane.probing, lane.in_flight) == ("half_open", True, 1)
    assert LEASE <= opened_for(endpoint, before) <= LEASE + 2
    assert statements().claim(100, LEASE) == []


def test_each_failure_of_the_one_let_out_opens_it_for_twice_as_long_up_to_a_bound() -> None:
    endpoint = open_breaker()
    for seconds in (20, 40, 80, 160, OPEN_SECONDS_AT_MOST, OPEN_SECONDS_AT_MOST):
        let_pass_until_half_open(endpoint)
        (claim,) = statements().claim(100, LEASE)
        before = timezone.now()

        (report,) = statements().finish([fails(claim)])

        assert seconds <= opened_for(endpoint, before) <= seconds + 2
        assert report.opened_until == lane_of(endpoint).open_until
        assert (lane_of(endpoint).breaker, lane_of(endpoint).probing) == ("open", False)
        assert statements().claim(100, LEASE) == []


def test_the_success_of_the_one_let_out_closes_it_and_the_backlog_begins_slowly() -> None:
    endpoint = open_breaker(cap=100)
    let_pass_until_half_open(endpoint)
    (claim,) = statements().claim(100, LEASE)

    (report,) = statements().finish([succeeded(claim)])

    lane = lane_of(endpoint)
    assert (lane.breaker, lane.open_until, lane.opened_count, lane.probing) == ("closed", None, 0, False)
    assert (lane.cap, lane.failures_in_a_row, report.opened_until) == (CAP_AFTER_OPEN, 0, None)
    sizes = []
    for _ in range(4):
        claimed = statements().claim(100, LEASE)
        sizes.append(len(claimed))
        statements().finish([succeeded(claim) for claim in claimed])
    assert sizes == [2, 4, 8, 16]


def test_where_the_one_let_out_loses_its_worker_another_one_goes_when_its_lease_is_over() -> None:
    endpoint = open_breaker()
    let_pass_until_half_open(endpoint)
    (lost,) = statements().claim(100, LEASE)
    past = timezone.now() - dt.timedelta(milliseconds=5)
    Delivery.objects.filter(pk=lost.delivery_id).update(leased_until=past)
    Lane.objects.update(open_until=past)
    assert sweep() == 1
    lane = lane_of(endpoint)
    assert (lane.breaker, lane.opened_count, lane.in_flight) == ("half_open", 1, 0)

    (probe,) = statements().claim(100, LEASE)

    statements().finish([succeeded(probe)])
    assert lane_of(endpoint).breaker == "closed"


def test_what_was_in_flight_when_it_opened_does_not_open_it_for_longer() -> None:
    endpoint = endpoint_with_backlog()
    claimed = statements().claim(14, LEASE)
    statements().finish([fails(claim) for claim in claimed[:10]])
    until = lane_of(endpoint).open_until
    assert until is not None

    (report,) = statements().finish([fails(claim) for claim in claimed[10:]])

    lane = lane_of(endpoint)
    assert (lane.open_until, lane.opened_count, report.opened_until) == (until, 1, None)
    assert (lane.failures_in_a_row, lane.in_flight) == (10, 0)


def open_with_leftovers(number: int) -> tuple[Endpoint, list[Claimed]]:
    """An endpoint whose breaker opened while so many other attempts were in flight, and is half-open by now."""
    endpoint = endpoint_with_backlog(cap=100)
    claimed = statements().claim(10 + number, LEASE)
    statements().finish([fails(claim) for claim in claimed[:10]])
    let_pass_until_half_open(endpoint)
    return endpoint, claimed[10:]


@pytest.mark.parametrize("end", [fails, succeeded])
def test_what_was_in_flight_when_it_opened_does_not_decide_in_place_of_the_one_let_out(
    end: Callable[[Claimed], Result],
) -> None:
    endpoint, leftovers = open_with_leftovers(4)
    statements().finish([end(leftovers[0])])
    assert (lane_of(endpoint).breaker, lane_of(endpoint).opened_count) == ("half_open", 1)
    (probe,) = statements().claim(100, LEASE)
    until = lane_of(endpoint).open_until

    (report,) = statements().finish([end(claim) for claim in leftovers[1:]])

    lane = lane_of(endpoint)
    assert (lane.breaker, lane.probing, lane.open_until, lane.opened_count) == ("half_open", True, until, 1)
    assert (report.finished, report.opened_until, lane.in_flight, lane.cap) == (3, None, 1, 100)
    before = timezone.now()
    statements().finish([fails(probe)])
    assert (lane_of(endpoint).breaker, lane_of(endpoint).opened_count) == ("open", 2)
    assert 20 <= opened_for(endpoint, before) <= 22


def test_failures_recorded_together_with_the_success_of_the_one_let_out_do_not_count() -> None:
    endpoint, leftovers = open_with_leftovers(12)
    (probe,) = statements().claim(100, LEASE)
    (report,) = statements().finish([succeeded(probe), *(fails(claim) for claim in leftovers)])
    lane = lane_of(endpoint)
    assert (lane.breaker, lane.failures_in_a_row, lane.window_failures, lane.in_flight) == ("closed", 0, 10, 0)
    assert (report.finished, report.opened_until, lane.cap) == (13, None, CAP_AFTER_OPEN)


def test_successes_recorded_together_with_the_failure_of_the_one_let_out_do_not_count() -> None:
    endpoint, leftovers = open_with_leftovers(12)
    (probe,) = statements().claim(100, LEASE)
    statements().finish([fails(probe), *(succeeded(claim) for claim in leftovers)])
    lane = lane_of(endpoint)
    assert (lane.breaker, lane.opened_count, lane.failures_in_a_row) == ("open", 2, 11)


def test_what_was_in_flight_when_it_opened_does_not_open_it_again_once_it_has_closed() -> None:
    """Twelve that hang until their wall clock, while the receiver is well again."""
    endpoint, leftovers = open_with_leftovers(12)
    (probe,) = statements().claim(100, LEASE)
    statements().finish([succeeded(probe)])
    assert lane_of(endpoint).breaker == "closed"

    (report,) = statements().finish([fails(claim) for claim in leftovers])

    lane = lane_of(endpoint)
    assert (lane.breaker, lane.failures_in_a_row, lane.window_failures, report.opened_until) == ("closed", 0, 10, None)
    assert Delivery.objects.filter(status="pending", attempt_count=1).count() == 22
    assert len(statements().claim(100, LEASE)) == CAP_AFTER_OPEN


@pytest.mark.parametrize("when", ["before", "after"])
def test_the_failure_of_what_a_person_tries_meanwhile_is_not_that_of_the_one_let_out(when: str) -> None:
    endpoint = open_breaker()
    by_hand = []
    if when == "before":
        make_waiting(endpoint, Turn.URGENT)
        by_hand += statements().claim(100, LEASE)
    let_pass_until_half_open(endpoint)
    (probe,) = statements().claim(100, LEASE)
    if when == "after":
        make_waiting(endpoint, Turn.URGENT)
        by_hand += statements().claim(100, LEASE)

    statements().finish([fails(claim) for claim in by_hand])

    assert len(by_hand) == 1
    lane = lane_of(endpoint)
    assert (lane.breaker, lane.probing, lane.opened_count) == ("half_open", True, 1)
    statements().finish([fails(probe)])
    assert (lane_of(endpoint).breaker, lane_of(endpoint).opened_count) == ("open", 2)


@pytest.mark.parametrize("test", [True, False])
def test_the_success_of_what_a_person_tries_closes_it(test: bool) -> None:
    endpoint = open_breaker()
    make_waiting(endpoint, Turn.URGENT, test=test)
    (claim,) = statements().claim(100, LEASE)

    statements().finish([succeeded(claim)])

    lane = lane_of(endpoint)
    assert (lane.breaker, lane.opened_count, lane.cap) == ("closed", 0, CAP_AFTER_OPEN)


def test_ten_failures_recorded_together_with_a_success_do_not_open_it() -> None:
    endpoint = endpoint_with_backlog()
    claimed = statements().claim(13, LEASE)

    statements().finish([succeeded(claimed[0]), *(fails(claim) for claim in claimed[1:])])

    assert (lane_of(endpoint).breaker, lane_of(endpoint).failures_in_a_row) == ("closed", 0)


def test_a_person_who_sees_to_the_endpoint_closes_it() -> None:
    endpoint = open_breaker()
    update_endpoint(endpoint, {"url": "https://192.0.78.1/elsewhere"}, SYSTEM)
    lane = lane_of(endpoint)
    assert (lane.breaker, lane.opened_count, lane.failures_in_a_row, lane.probing) == ("closed", 0, 0, False)
    assert len(statements().claim(100, LEASE)) == lane.cap

    endpoint = open_breaker()
    disable_endpoint(endpoint, DisabledReason.MANUAL, SYSTEM)
    assert lane_of(endpoint).breaker == "open"
    enable_endpoint(endpoint, SYSTEM)
    lane = lane_of(endpoint)
    assert (lane.breaker, lane.opened_count, lane.failures_in_a_row) == ("closed", 0, 0)


def test_an_edit_of_something_else_leaves_it_open() -> None:
    endpoint = open_breaker()

    update_endpoint(endpoint, {"name": "Orders"}, SYSTEM)

    assert (lane_of(endpoint).breaker, lane_of(endpoint).opened_count) == ("open", 1)


def test_an_endpoint_that_only_fails_gets_ten_requests_and_the_log_names_it(
    engine: Engine, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.WEBHOOKS_RETRY_SCHEDULE = (3_600.0,)
    with Receiver(answers(answer("500 Internal Server Error"))) as receiver:
        endpoint = make_endpoint(make_app(), url=receiver.url(), cap=1)
        make_waiting(endpoint, Turn.FRESH, 30)
        with caplog.at_level(logging.WARNING, "deliveries.engine.drain"):
            report = engine.drain(None)

    assert (report.sent, report.more, len(receiver.requests)) == (10, False, 10)
    until = lane_of(endpoint).open_until
    assert until is not None
    assert [record.getMessage() for record in caplog.records] == [
        f"{endpoint.public_id} only fails: nothing is sent there until {iso(until)}"
    ]
    assert set(Delivery.objects.filter(status="pending").values_list("attempt_count", flat=True)) == {0, 1}
