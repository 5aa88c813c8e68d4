"""What goes out before what on one lane: urgent, first attempts, retries; and from when the rest waits."""

import datetime as dt
from collections import Counter

import pytest
from django.db.models import F
from django.utils import timezone

from deliveries.delivery_actions import retry_delivery
from deliveries.endpoints import disable_endpoint, enable_endpoint
from deliveries.engine.statements import Claimed, statements
from deliveries.models import Delivery, Lane, Turn
from deliveries.test_send import send_test
from tests.deliveries.engine.rows import (
    failed,
    lane_of,
    make_app,
    make_due,
    make_endpoint,
    make_events,
    make_waiting,
)
from webhooks.audit import SYSTEM
from webhooks.models import DisabledReason

pytestmark = pytest.mark.django_db(transaction=True)

MILLISECOND = dt.timedelta(milliseconds=1)


def turns_of(claimed: list[Claimed]) -> dict[int, int]:
    """How many were claimed of each turn."""
    rows = Delivery.objects.filter(pk__in=[claim.delivery_id for claim in claimed])
    return dict(Counter(rows.values_list("turn", flat=True)))


def waits_from(lane: Lane) -> tuple[dt.datetime | None, dt.datetime | None, dt.datetime | None]:
    return lane.urgent_from, lane.fresh_from, lane.retry_from


def test_what_a_person_asks_for_goes_before_first_attempts_and_those_before_retries() -> None:
    """Though retries have waited longest; a quarter of the room is kept for them."""
    app = make_app()
    endpoint = make_endpoint(app, cap=100)
    make_waiting(endpoint, Turn.RETRY, 20, timezone.now() - dt.timedelta(minutes=2))
    make_waiting(endpoint, Turn.FRESH, 20, timezone.now() - dt.timedelta(minutes=1))
    make_waiting(endpoint, Turn.URGENT, 5)

    assert turns_of(statements().claim(4, 25)) == {Turn.URGENT: 4}
    assert turns_of(statements().claim(8, 25)) == {Turn.URGENT: 1, Turn.RETRY: 2, Turn.FRESH: 5}
    assert turns_of(statements().claim(8, 25)) == {Turn.FRESH: 6, Turn.RETRY: 2}
    assert turns_of(statements().claim(60, 25)) == {Turn.FRESH: 9, Turn.RETRY: 16}


@pytest.mark.parametrize(
    ("room", "fresh", "retries", "taken"),
    [
        (8, 20, 20, (6, 2)),
        (8, 3, 20, (3, 5)),
        (8, 20, 1, (7, 1)),
        (8, 0, 20, (0, 8)),
        (8, 20, 0, (8, 0)),
        (4, 20, 20, (3, 1)),
        (7, 20, 20, (6, 1)),
    ],
)
def test_a_quarter_of_the_room_is_kept_for_retries_and_what_one_leaves_the_other_takes(
    room: int, fresh: int, retries: int, taken: tuple[int, int]
) -> None:
    app = make_app()
    endpoint = make_endpoint(app, cap=room)
    for turn, count in ((Turn.FRESH, fresh), (Turn.RETRY, retries)):
        if count:
            make_waiting(endpoint, turn, count)

    claimed = turns_of(statements().claim(100, 25))

    assert (claimed.get(Turn.FRESH, 0), claimed.get(Turn.RETRY, 0)) == taken


def test_oldest_first_within_a_turn() -> None:
    app = make_app()
    endpoint = make_endpoint(app, cap=8)
    retries = make_waiting(endpoint, Turn.RETRY, 4)
    fresh = make_waiting(endpoint, Turn.FRESH, 9)

    claimed = statements().claim(100, 25)

    assert {claim.delivery_id for claim in claimed} == {row.pk for row in [*retries[:2], *fresh[:6]]}
    assert waits_from(lane_of(endpoint)) == (None, fresh[6].due_at, retries[2].due_at)


@pytest.mark.parametrize("room", [1, 2, 3])
@pytest.mark.parametrize("others", [0, 1, 2, 3])
def test_a_lane_with_less_room_lets_a_retry_go_first_in_a_quarter_of_its_claims(room: int, others: int) -> None:
    """However often something else changes the lane's `seq` between them: a failure does, and so does a fan-out."""
    app = make_app()
    endpoint = make_endpoint(app, cap=200)
    make_waiting(endpoint, Turn.FRESH, 150)
    make_waiting(endpoint, Turn.RETRY, 60)

    taken = []
    for _ in range(48):
        claimed = turns_of(statements().claim(room, 25))
        assert sum(claimed.values()) == room
        taken.append(claimed.get(Turn.RETRY, 0))
        Lane.objects.update(seq=F("seq") + others)

    assert set(taken) == {0, 1}
    assert 10 <= sum(taken) <= 14, taken


def test_after_a_claim_the_lane_says_from_when_the_rest_of_each_turn_waits() -> None:
    app = make_app()
    endpoint = make_endpoint(app, cap=100)
    urgent = make_waiting(endpoint, Turn.URGENT, 3)
    statements().claim(2, 25)
    assert waits_from(lane_of(endpoint)) == (urgent[2].due_at, None, None)

    fresh = make_waiting(endpoint, Turn.FRESH, 5)
    retries = make_waiting(endpoint, Turn.RETRY, 5)
    assert waits_from(lane_of(endpoint)) == (urgent[2].due_at, fresh[0].due_at, retries[0].due_at)
    statements().claim(6, 25)  # the urgent one, a retry, four first attempts
    assert waits_from(lane_of(endpoint)) == (None, fresh[4].due_at, retries[1].due_at)

    statements().claim(5, 25)
    assert waits_from(lane_of(endpoint)) == (None, None, None)
    lane = lane_of(endpoint)
    assert (lane.first_wake_at, lane.retry_wake_at, lane.in_flight) == (None, None, 13)


def test_a_retry_that_is_not_due_yet_keeps_the_lanes_moment_and_is_found_when_it_is() -> None:
    app = make_app()
    endpoint = make_endpoint(app)
    later = timezone.now() + dt.timedelta(hours=1)
    make_waiting(endpoint, Turn.RETRY, 2, later)
    make_waiting(endpoint, Turn.FRESH)

    assert turns_of(statements().claim(100, 25)) == {Turn.FRESH: 1}

    assert waits_from(lane_of(endpoint)) == (None, None, later)
    sooner = make_waiting(endpoint, Turn.RETRY, 1)
    assert [claim.delivery_id for claim in statements().claim(100, 25)] == [sooner[0].pk]
    assert waits_from(lane_of(endpoint)) == (None, None, later)
    assert lane_of(endpoint).retry_wake_at == later


def test_a_failed_test_send_stays_urgent_and_a_failed_retry_by_hand_waits_with_the_retries() -> None:
    app = make_app()
    endpoint = make_endpoint(app)
    delivery = send_test(endpoint, "order.paid", SYSTEM)
    (claim,) = statements().claim(10, 25)
    assert (claim.delivery_id, delivery.turn) == (delivery.pk, Turn.URGENT)

    statements().finish([failed(claim, retry_in=60)])

    delivery.refresh_from_db()
    assert (delivery.status, delivery.turn) == ("pending", Turn.URGENT)
    assert waits_from(lane_of(endpoint)) == (delivery.due_at, None, None)
    make_events(app)
    statements().fan_out(10)
    (first,) = statements().claim(10, 25)
    statements().finish([failed(first, retry_in=60)])
    retried = retry_delivery(Delivery.objects.get(pk=first.delivery_id), SYSTEM)
    assert retried.turn == Turn.URGENT
    (again,) = statements().claim(10, 25)
    statements().finish([failed(again, retry_in=60)])
    assert Delivery.objects.get(pk=first.delivery_id).turn == Turn.RETRY


def test_a_retry_by_hand_goes_before_a_backlog_of_first_attempts() -> None:
    app = make_app()
    endpoint = make_endpoint(app, cap=1)
    make_events(app, 3)
    statements().fan_out(10)
    (claim,) = statements().claim(10, 25)
    statements().finish([failed(claim, retry_in=None)])

    retry_delivery(Delivery.objects.get(pk=claim.delivery_id), SYSTEM)

    assert [again.delivery_id for again in statements().claim(10, 25)] == [claim.delivery_id]
    assert lane_of(endpoint).urgent_from is None


def test_an_endpoint_enabled_with_a_backlog_of_every_turn_finds_all_of_it() -> None:
    """Test sends went out meanwhile, and the lane forgot what it could not read."""
    app = make_app()
    endpoint = make_endpoint(app)
    fresh = make_waiting(endpoint, Turn.FRESH, 2)
    retries = make_waiting(endpoint, Turn.RETRY, 2, timezone.now() + dt.timedelta(hours=1))
    disable_endpoint(endpoint, DisabledReason.MANUAL, SYSTEM)
    (by_hand,) = make_waiting(endpoint, Turn.URGENT)
    (test,) = make_waiting(endpoint, Turn.URGENT, test=True)
    assert [claim.delivery_id for claim in statements().claim(10, 25)] == [test.pk]
    assert statements().claim(10, 25) == []

    enable_endpoint(endpoint, SYSTEM)

    lane = lane_of(endpoint)
    assert waits_from(lane) == (by_hand.due_at, fresh[0].due_at, retries[0].due_at)
    assert {claim.delivery_id for claim in statements().claim(10, 25)} == {by_hand.pk, fresh[0].pk, fresh[1].pk}
    make_due(Delivery.objects.all())
    assert {claim.delivery_id for claim in statements().claim(10, 25)} == {row.pk for row in retries}


def test_an_endpoint_enabled_with_its_backlog_canceled_finds_nothing() -> None:
    app = make_app()
    endpoint = make_endpoint(app)
    for turn in Turn:
        make_waiting(endpoint, turn, 2)
    disable_endpoint(endpoint, DisabledReason.MANUAL, SYSTEM)

    enable_endpoint(endpoint, SYSTEM, "cancel")

    assert waits_from(lane_of(endpoint)) == (None, None, None)
    assert set(Delivery.objects.values_list("status", flat=True)) == {"canceled"}
    assert statements().claim(10, 25) == []
