"""What results do to a lane is what deliveries/engine/lane_rules.py says, whichever statement records them.

Random results on random lanes: the row after a finish is the row before it with `apply` done to it. On PostgreSQL this
holds the statement's SQL to the rules in Python.
"""

import datetime as dt
import random
import uuid
from statistics import fmean
from typing import NamedTuple

import pytest
from django.utils import timezone

from deliveries.engine import lane_rules
from deliveries.engine.lane_rules import Tally, apply, counts, is_of_url
from deliveries.engine.statements import Result, statements
from deliveries.models import Delivery, DeliveryStatus, Lane, Turn
from tests.deliveries.engine.rows import make_app, make_endpoint, make_waiting
from webhooks.models import Endpoint

pytestmark = pytest.mark.django_db(transaction=True)

LANES = 4
ROUNDS = 60
AT_MOST = 12  # results of one lane in one finish
RULED = (
    "cap",
    "usual_ms",
    "failures_in_a_row",
    "window_from",
    "window_attempts",
    "window_failures",
    "open_until",
    "opened_count",
    "probing",
    "judged_from",
    "paused_until",
)


class Drawn(NamedTuple):
    """A delivery in flight, and how it is drawn to end."""

    delivery_id: uuid.UUID
    test: bool
    began: dt.datetime | None
    result: Result


def near(chance: random.Random, now: dt.datetime) -> dt.datetime | None:
    """None, or a moment of the last or the next two minutes."""
    return chance.choice((None, now + dt.timedelta(seconds=chance.uniform(-120, 120))))


def draw_lane(chance: random.Random, now: dt.datetime) -> dict[str, object]:
    """A lane in any state, those at the edges of the rules more often."""
    attempts = chance.choice((0, 9, 19, 20, 30))
    return {
        "cap": chance.choice((1, 2, 3, 16, 17, 250, 256)),
        "limited": chance.random() < 0.7,
        "usual_ms": chance.choice((None, 5.0, 20.0, chance.uniform(0, 500))),
        "open_until": near(chance, now),
        "probing": chance.random() < 0.8,
        "opened_count": chance.choice((0, 1, 3, 4, 5, 10)),
        "failures_in_a_row": chance.choice((0, 1, 8, 9, 10, 40)),
        "window_from": near(chance, now),
        "window_attempts": attempts,
        "window_failures": chance.randint(0, attempts),
        "judged_from": near(chance, now),
        "url_since": near(chance, now),
        "paused_until": near(chance, now),
        "urgent_from": near(chance, now),
        "retry_from": near(chance, now),
    }


def draw_result(chance: random.Random, delivery_id: uuid.UUID, lease: uuid.UUID, kinds: str) -> Result:
    """One way in which an attempt ends."""
    succeeded = chance.choice(kinds) == "s"
    code = "" if succeeded else chance.choice(("http_status", "timeout", "worker_lost", "internal_error"))
    return Result(
        delivery_id=delivery_id,
        lease=lease,
        started_at=timezone.now(),
        duration_ms=chance.choice((1, 5, 60, 61, 90, 91, chance.randint(0, 3_000))),
        succeeded=succeeded,
        retry_in=None if succeeded or chance.random() < 0.2 else float(chance.choice((0, 5, 60, 3_600))),
        schedule_position=1,
        lost_count=0,
        response_status=None,
        response_headers=None,
        response_body="",
        response_truncated=False,
        error_code=code,
        error=code,
        blames=code in ("http_status", "timeout"),
        slow=not succeeded and chance.random() < 0.2,
        pause=float(chance.choice((1, 30, 3_600))) if not succeeded and chance.random() < 0.2 else None,
    )


def tally_of(drawn: list[Drawn], lane: Lane) -> Tally:
    counting = [one for one in drawn if counts(lane, one.began)]
    results = [one.result for one in drawn if is_of_url(lane, one.began)]
    times = [result.duration_ms for result in results if result.succeeded]
    return Tally(
        successes=sum(one.result.succeeded for one in counting),
        failures=sum(one.result.blames and not one.test for one in counting),
        probe_failed=any(
            one.result.blames and not one.test and one.began == lane.judged_from is not None for one in drawn
        ),
        slow=any(result.slow for result in results),
        pause=max((result.pause for result in results if result.pause is not None), default=None),
        ms=fmean(times) if times else None,
    )


def draw_beginnings(chance: random.Random, lane: dict[str, object]) -> list[dt.datetime | None]:
    """When attempts may have begun: about the moments from which they count on that lane, or nobody knows."""
    judged_from, url_since = lane["judged_from"], lane["url_since"]
    begun: list[dt.datetime | None] = [None]
    if isinstance(judged_from, dt.datetime) and chance.random() < 0.6:
        begun = [judged_from]
    if chance.random() < 0.4:
        moments = [moment for moment in (judged_from, url_since) if isinstance(moment, dt.datetime)]
        begun += [moment + dt.timedelta(seconds=seconds) for moment in moments for seconds in (-200, -1e-6, 0, 200)]
    return begun


def moment_of(drawn: list[Drawn]) -> dt.datetime:
    """When the finish happened, by what it wrote."""
    lane = Lane.objects.get(pk=Delivery.objects.get(pk=drawn[0].delivery_id).endpoint_id)
    for one in drawn:
        if one.result.succeeded:
            moment = lane.last_test_success_at if one.test else lane.last_success_at
        elif one.result.retry_in is None:
            moment = lane.last_exhausted_at
        else:
            due_at = Delivery.objects.get(pk=one.delivery_id).due_at
            assert due_at is not None
            moment = due_at - dt.timedelta(seconds=one.result.retry_in)
        assert moment is not None
        return moment
    raise AssertionError("nothing was finished")


def put_in_flight(drawn: Drawn) -> None:
    Delivery.objects.filter(pk=drawn.delivery_id).update(
        status=DeliveryStatus.SENDING,
        due_at=None,
        lease=drawn.result.lease,
        leased_until=timezone.now() + dt.timedelta(minutes=1),
        last_attempt_at=drawn.began,
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_finish_does_to_its_lanes_what_the_rules_say(seed: int) -> None:
    chance = random.Random(seed)
    app = make_app()
    endpoints: list[Endpoint] = [make_endpoint(app) for _ in range(LANES)]
    waiting = {endpoint.pk: make_waiting(endpoint, Turn.FRESH, AT_MOST) for endpoint in endpoints}
    tests = {delivery.pk for rows in waiting.values() for delivery in rows[::4]}
    Delivery.objects.filter(pk__in=tests).update(test=True, turn=Turn.URGENT)
    seen = {"opened": 0, "opened again": 0, "left open": 0, "closed": 0, "grown": 0, "halved": 0, "paused": 0}
    for _ in range(ROUNDS):
        lease = uuid.uuid4()
        drawn: dict[uuid.UUID, list[Drawn]] = {}
        for key, rows in waiting.items():
            finished = chance.sample(rows, chance.choice((1, 2, AT_MOST)))
            kinds = chance.choice(("s", "f", "f", "sf", "sssf"))
            state = draw_lane(chance, timezone.now())
            begun = draw_beginnings(chance, state)
            drawn[key] = [
                Drawn(row.pk, row.pk in tests, chance.choice(begun), draw_result(chance, row.pk, lease, kinds))
                for row in finished
            ]
            for one in drawn[key]:
                put_in_flight(one)
            Lane.objects.filter(pk=key).update(in_flight=len(finished), failing_since=None, **state)
        before = {lane.pk: lane for lane in Lane.objects.all()}
        together = [one.result for one in (one for own in drawn.values() for one in own)]
        chance.shuffle(together)

        report = {lane.endpoint_id: lane for lane in statements().finish(together)}

        for key, own in drawn.items():
            expected, lane, now = before[key], Lane.objects.get(pk=key), moment_of(own)
            was_open, cap = expected.open_until, expected.cap
            tally = tally_of(own, expected)
            apply(tally, expected, now)
            about = f"seed {seed}, {tally}"
            for name in RULED:
                was, want = getattr(lane, name), getattr(expected, name)
                assert was == (pytest.approx(want, rel=1e-9) if isinstance(want, float) else want), f"{name}: {about}"
            opened = expected.open_until is not None and expected.open_until != was_open
            assert report[key].opened_until == (expected.open_until if opened else None), about
            assert (report[key].finished, lane.in_flight) == (len(own), 0), about
            seen["opened"] += opened
            seen["opened again"] += opened and was_open is not None
            seen["left open"] += not opened and before[key].probing and was_open is not None and tally.failures > 0
            seen["closed"] += was_open is not None and lane.open_until is None
            seen["grown"] += lane.cap > cap and was_open is None
            seen["halved"] += lane.cap < cap and was_open is None
            seen["paused"] += lane.paused_until == now + dt.timedelta(seconds=3_600)
    assert min(seen.values()) >= 5, seen


def test_the_rules_are_those_that_the_product_promises() -> None:
    """product.md section 4: 10 failures in a row at the earliest; the issue's 20 attempts at least."""
    assert (lane_rules.OPEN_AFTER, lane_rules.BUSY_ATTEMPTS) == (10, 20)
    assert (lane_rules.OPEN_SECONDS, lane_rules.OPEN_SECONDS_AT_MOST) == (10, 300)
