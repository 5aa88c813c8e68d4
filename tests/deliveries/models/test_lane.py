"""When a claim should look at a lane next: columns that the database computes from the others."""

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from deliveries.models import Delivery, Lane, Turn
from tests.deliveries.engine.rows import lane_of, make_app, make_endpoint, make_waiting

pytestmark = pytest.mark.django_db

NOW = timezone.now()
URGENT, FRESH, RETRY = (NOW - dt.timedelta(seconds=seconds) for seconds in (30, 60, 90))
LATER = NOW + dt.timedelta(seconds=60)
LAST = NOW + dt.timedelta(seconds=120)
ALL = {"urgent_from": URGENT, "fresh_from": FRESH, "retry_from": RETRY}


@pytest.mark.parametrize(
    ("lane", "first", "retry"),
    [
        ({}, None, None),
        (ALL, FRESH, RETRY),
        ({"urgent_from": URGENT}, URGENT, None),
        ({"fresh_from": FRESH}, FRESH, None),
        ({"retry_from": RETRY}, None, RETRY),
        ({"urgent_from": RETRY, "fresh_from": FRESH}, RETRY, None),
        # Disabled: urgent alone (of which a claim takes test sends).
        (ALL | {"held": True}, URGENT, None),
        ({"fresh_from": FRESH, "retry_from": RETRY, "held": True}, None, None),
        # Deleted.
        (ALL | {"closed": True}, None, None),
        # No room.
        (ALL | {"cap": 4, "in_flight": 3}, FRESH, RETRY),
        (ALL | {"cap": 4, "in_flight": 4}, None, None),
        (ALL | {"cap": 4, "in_flight": 9}, None, None),
        # The breaker is open, or the receiver asked for a pause: urgent alone.
        (ALL | {"open_until": LATER}, URGENT, LATER),
        (ALL | {"paused_until": LATER}, URGENT, LATER),
        ({"fresh_from": FRESH, "open_until": LATER, "paused_until": LAST}, LAST, None),
        ({"fresh_from": FRESH, "open_until": LAST, "paused_until": LATER}, LAST, None),
        ({"retry_from": RETRY, "open_until": LATER, "paused_until": LAST}, None, LAST),
        (ALL | {"open_until": LATER, "held": True}, URGENT, None),
        # The next token is not there: nothing at all.
        (ALL | {"paced_until": LATER}, LATER, LATER),
        (ALL | {"paced_until": LATER, "open_until": LAST}, LATER, LAST),
        # Lanes take turns: the one that was claimed last comes last.
        (ALL | {"claimed_at": NOW}, NOW, NOW),
        ({"fresh_from": LATER, "retry_from": LAST, "claimed_at": NOW}, LATER, LAST),
        # What is past delays nothing.
        (ALL | {"open_until": RETRY, "paused_until": RETRY, "paced_until": RETRY}, FRESH, RETRY),
    ],
)
def test_a_lane_says_when_a_claim_should_look_at_it(
    lane: dict[str, Any], first: dt.datetime | None, retry: dt.datetime | None
) -> None:
    endpoint = make_endpoint(make_app(), **lane)

    row = lane_of(endpoint)

    assert (row.first_wake_at, row.retry_wake_at) == (first, retry)


def test_what_waits_moves_the_lanes_moment_forward_and_never_back() -> None:
    endpoint = make_endpoint(make_app())
    for moment, expected in ((FRESH, FRESH), (RETRY, RETRY), (URGENT, RETRY)):
        before = lane_of(endpoint)
        lane = lane_of(endpoint)
        lane.wait_from(Turn.FRESH, moment)
        assert lane_of(endpoint).fresh_from == expected
        assert (lane_of(endpoint).urgent_from, lane_of(endpoint).retry_from) == (None, None)
        assert lane_of(endpoint).seq == before.seq + 1


def test_a_lane_finds_from_its_own_pending_deliveries_from_when_they_wait() -> None:
    app = make_app()
    endpoint, other = make_endpoint(app), make_endpoint(app)
    make_waiting(endpoint, Turn.FRESH, 3, FRESH)
    make_waiting(endpoint, Turn.RETRY, 3, LATER)
    make_waiting(other, Turn.URGENT, 1, URGENT)
    ended = make_waiting(endpoint, Turn.URGENT, 1, URGENT)
    Delivery.objects.filter(pk=ended[0].pk).update(status="canceled", due_at=None)
    Lane.objects.update(urgent_from=None, fresh_from=None, retry_from=None)
    lane = lane_of(endpoint)

    lane.find_waiting()

    assert (lane.urgent_from, lane.fresh_from, lane.retry_from) == (None, FRESH, LATER)


@pytest.mark.parametrize(
    ("lane", "breaker"),
    [
        ({}, "closed"),
        ({"open_until": LAST + dt.timedelta(hours=1)}, "open"),
        ({"open_until": RETRY}, "half_open"),
        ({"open_until": LAST + dt.timedelta(hours=1), "probing": True}, "half_open"),
    ],
)
def test_a_breaker_is_closed_open_or_half_open(lane: dict[str, Any], breaker: str) -> None:
    assert lane_of(make_endpoint(make_app(), **lane)).breaker == breaker


def troubled_lane(cap: int) -> Lane:
    endpoint = make_endpoint(make_app(), cap=cap, limited=True, usual_ms=5, paused_until=LATER, failing_since=RETRY)
    Lane.objects.update(open_until=LATER, opened_count=3, failures_in_a_row=12, probing=True, window_from=RETRY)
    return lane_of(endpoint)


def assert_started_anew(lane: Lane) -> None:
    assert (lane.open_until, lane.opened_count, lane.probing, lane.failures_in_a_row) == (None, 0, False, 0)
    assert (lane.paused_until, lane.usual_ms, lane.window_from, lane.failing_since) == (None, None, None, None)
    assert lane.judged_from == LAST


def test_a_lane_that_starts_anew_keeps_a_cap_that_is_smaller_than_the_first_one() -> None:
    for cap, expected in ((200, 16), (3, 3)):
        lane = troubled_lane(cap)

        lane.start_anew(LAST)

        assert_started_anew(lane)
        assert (lane.cap, lane.url_since, lane.seq) == (expected, None, 0)


def test_a_lane_that_starts_at_another_url_keeps_nothing() -> None:
    for cap in (200, 3):
        lane = troubled_lane(cap)

        lane.start_at_another_url(LAST)

        assert_started_anew(lane)
        assert (lane.cap, lane.limited, lane.url_since, lane.seq) == (16, False, LAST, 1)
