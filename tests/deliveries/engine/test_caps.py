"""How many deliveries an endpoint may have in flight: the cap finds its own size from what it measures."""

from typing import Any

import pytest
from django.utils import timezone

from deliveries.engine.lane_rules import GRACE_MS, USUAL_RISES_BY
from deliveries.engine.results import result_of
from deliveries.engine.statements import Claimed, statements
from deliveries.error_codes import ErrorCode
from deliveries.models import Turn
from deliveries.models.lane import CAP_AT_FIRST, CAP_AT_MOST
from deliveries.transport.sender import Outcome
from tests.deliveries.engine.rows import failed, lane_of, make_app, make_endpoint, make_waiting, succeeded
from webhooks.models import Endpoint

pytestmark = pytest.mark.django_db(transaction=True)


def claim_from(backlog: int, **lane: Any) -> tuple[Endpoint, list[Claimed]]:
    endpoint = make_endpoint(make_app(), **lane)
    make_waiting(endpoint, Turn.FRESH, backlog)
    return endpoint, statements().claim(1_000, 25)


def succeed(claimed: list[Claimed], ms: int = 12) -> None:
    statements().finish([succeeded(claim)._replace(duration_ms=ms) for claim in claimed])


def ends_with(claim: Claimed, status: int | None, code: ErrorCode) -> Outcome:
    return Outcome(claim, timezone.now(), 12, status, (), "", False, code, "It failed.")


def test_it_grows_by_what_succeeded_while_the_endpoint_is_limited_by_it_up_to_a_bound() -> None:
    endpoint, claimed = claim_from(800)
    assert (len(claimed), lane_of(endpoint).limited) == (CAP_AT_FIRST, True)

    sizes = []
    for _ in range(6):
        succeed(claimed)
        sizes.append(lane_of(endpoint).cap)
        claimed = statements().claim(1_000, 25)
        assert len(claimed) == min(sizes[-1], 800 - sum([CAP_AT_FIRST, *sizes[:-1]]))

    assert sizes == [32, 64, 128, CAP_AT_MOST, CAP_AT_MOST, CAP_AT_MOST]


def test_it_grows_by_parts_of_a_claim_too() -> None:
    endpoint, claimed = claim_from(60)

    succeed(claimed[:5])

    assert (lane_of(endpoint).cap, lane_of(endpoint).in_flight) == (21, 11)


def test_it_stays_where_the_claim_was_not_limited_by_it() -> None:
    endpoint, claimed = claim_from(CAP_AT_FIRST)
    assert (len(claimed), lane_of(endpoint).limited) == (CAP_AT_FIRST, False)

    succeed(claimed)

    assert lane_of(endpoint).cap == CAP_AT_FIRST


def test_it_stays_where_the_rate_was_the_limit() -> None:
    endpoint, claimed = claim_from(60, rate=5)
    assert (len(claimed), lane_of(endpoint).limited) == (5, False)

    succeed(claimed)

    assert lane_of(endpoint).cap == CAP_AT_FIRST


def test_failures_count_against_its_growth() -> None:
    endpoint, claimed = claim_from(60)
    statements().finish([*(succeeded(one) for one in claimed[:5]), *(failed(one, 60) for one in claimed[5:8])])
    assert lane_of(endpoint).cap == CAP_AT_FIRST + 2

    statements().finish([*(succeeded(one) for one in claimed[8:12]), *(failed(one, 60) for one in claimed[12:])])

    assert lane_of(endpoint).cap == CAP_AT_FIRST + 2


@pytest.mark.parametrize(("ms", "grows"), [(40 + int(GRACE_MS), True), (41 + int(GRACE_MS), False)])
def test_it_stays_where_the_endpoint_answers_more_slowly_than_twice_the_usual(ms: int, grows: bool) -> None:
    endpoint, claimed = claim_from(60, usual_ms=20.0)

    succeed(claimed, ms)

    assert lane_of(endpoint).cap == (32 if grows else CAP_AT_FIRST)


def test_the_usual_response_time_falls_at_once_and_rises_slowly() -> None:
    endpoint, claimed = claim_from(60)
    assert lane_of(endpoint).usual_ms is None
    succeed(claimed[:2], 100)
    assert lane_of(endpoint).usual_ms == 100
    statements().finish(
        [succeeded(claimed[2])._replace(duration_ms=30), succeeded(claimed[3])._replace(duration_ms=50)]
    )
    assert lane_of(endpoint).usual_ms == 40
    statements().finish([failed(claimed[4], 60)._replace(duration_ms=1)])
    assert lane_of(endpoint).usual_ms == 40

    succeed(claimed[5:6], 1_040)

    assert lane_of(endpoint).usual_ms == pytest.approx(40 + 1_000 * USUAL_RISES_BY)


@pytest.mark.parametrize(
    ("status", "code", "slow"),
    [
        *((status, ErrorCode.HTTP_STATUS, True) for status in (429, 502, 503, 504)),
        (None, ErrorCode.TIMEOUT, True),
        (200, ErrorCode.TIMEOUT, True),
        *((status, ErrorCode.HTTP_STATUS, False) for status in (400, 404, 410, 500, 501)),
        (None, ErrorCode.CONNECTION_REFUSED, False),
        (None, ErrorCode.INTERNAL_ERROR, False),
    ],
)
def test_it_halves_where_the_endpoint_shows_it_has_too_much_to_do(
    status: int | None, code: ErrorCode, slow: bool
) -> None:
    """S23."""
    endpoint, claimed = claim_from(60, cap=9)
    caps = []
    for claim in claimed[:5]:
        statements().finish([result_of(claim, ends_with(claim, status, code))])
        caps.append(lane_of(endpoint).cap)

    assert caps == ([4, 2, 1, 1, 1] if slow else [9, 9, 9, 9, 9])


def test_one_group_halves_it_once_whatever_else_succeeded() -> None:
    endpoint, claimed = claim_from(60)
    slow = [result_of(claim, ends_with(claim, 503, ErrorCode.HTTP_STATUS)) for claim in claimed[:4]]

    statements().finish([*slow, *(succeeded(claim) for claim in claimed[4:])])

    assert lane_of(endpoint).cap == CAP_AT_FIRST // 2


def test_what_is_in_flight_beyond_a_smaller_cap_is_let_finish_and_nothing_joins_it() -> None:
    endpoint, claimed = claim_from(60)
    statements().finish([result_of(claimed[0], ends_with(claimed[0], 503, ErrorCode.HTTP_STATUS))])
    assert (lane_of(endpoint).cap, lane_of(endpoint).in_flight) == (8, 15)

    assert statements().claim(1_000, 25) == []
    assert lane_of(endpoint).first_wake_at is None

    statements().finish([failed(claim, 60) for claim in claimed[1:9]])
    assert len(statements().claim(1_000, 25)) == 1
