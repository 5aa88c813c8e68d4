"""One lane of SQLite's statements: what a claim takes from it, and what results do to it."""

import datetime as dt
import math
import uuid
from collections.abc import Sequence
from http import HTTPStatus
from statistics import fmean
from typing import NamedTuple

from deliveries.engine.lane_rules import GOLDEN, GOLDEN_OF, ONE_RETRY_OF, Tally, apply, counts, is_of_url
from deliveries.engine.statements import FinishedLane, Result
from deliveries.models import Delivery, DeliveryStatus, Lane, Turn


class _Waits(NamedTuple):
    key: uuid.UUID
    due_at: dt.datetime


def claim_lane(lane: Lane, share: int, lease: uuid.UUID, now: dt.datetime, lasts: dt.timedelta) -> list[uuid.UUID]:
    """Lease what is due on the lane, `share` deliveries at most, and note from when the rest waits."""
    tokens = _tokens(lane, now)
    slots = lane.cap - lane.in_flight
    blocked_until = [moment for moment in (lane.open_until, lane.paused_until) if moment is not None]
    admits = not lane.held and all(moment <= now for moment in blocked_until)
    half_open = admits and lane.open_until is not None
    room = min(slots, share, 1 if half_open else slots, math.floor(tokens) if tokens is not None else slots)
    waiting = {turn: _waiting(lane, turn, room, admits, now) for turn in Turn}
    taken = {key for key, _ in _in_order(waiting, room, lane.seq, now)[:room]}
    Delivery.objects.filter(pk__in=taken).update(
        status=DeliveryStatus.SENDING, lease=lease, leased_until=now + lasts, due_at=None, last_attempt_at=now
    )
    left = {turn: [row for row in rows if row.key not in taken] for turn, rows in waiting.items()}
    lane.urgent_from = left[Turn.URGENT][0].due_at if left[Turn.URGENT] else None
    if admits:
        lane.fresh_from = left[Turn.FRESH][0].due_at if left[Turn.FRESH] else None
        if lane.retry_from is not None and lane.retry_from <= now:
            lane.retry_from = left[Turn.RETRY][0].due_at if left[Turn.RETRY] else None
    lane.limited = len(taken) >= slots and any(row.due_at <= now for rows in left.values() for row in rows)
    if half_open and any(row.key in taken for turn in (Turn.FRESH, Turn.RETRY) for row in waiting[turn]):
        lane.probing, lane.open_until, lane.judged_from = True, now + lasts, now
    lane.tokens_at = lane.paced_until = None
    if tokens is not None and lane.rate is not None:
        lane.tokens, lane.tokens_at = tokens - len(taken), now
        if lane.tokens < 1:
            lane.paced_until = now + dt.timedelta(seconds=(1 - lane.tokens) / lane.rate)
    lane.in_flight += len(taken)
    lane.claimed_at = now
    lane.seq += 1
    lane.save()
    return list(taken)


def _waiting(lane: Lane, turn: Turn, room: int, admits: bool, now: dt.datetime) -> list[_Waits]:
    """What waits of one turn, as far as there may be room for it, and one more."""
    if turn != Turn.URGENT and not admits:
        return []
    if turn == Turn.RETRY and (lane.retry_from is None or lane.retry_from > now):
        return []
    rows = Delivery.objects.filter(endpoint=lane.pk, status=DeliveryStatus.PENDING, turn=turn)
    if lane.held:
        rows = rows.filter(test=True)
    return [_Waits(key, at) for key, at in rows.order_by("due_at").values_list("id", "due_at")[: room + 1] if at]


def _in_order(waiting: dict[Turn, list[_Waits]], room: int, seq: int, now: dt.datetime) -> list[_Waits]:
    """What is due, in the order in which it goes out: a quarter of the room is kept for retries."""
    urgent, fresh, retries = ([row for row in waiting[turn] if row.due_at <= now] for turn in Turn)
    retry_first = seq * GOLDEN % GOLDEN_OF < GOLDEN_OF // ONE_RETRY_OF
    kept = room // ONE_RETRY_OF if room >= ONE_RETRY_OF else int(retry_first)
    return [*urgent, *retries[:kept], *fresh, *retries[kept:]]


def _tokens(lane: Lane, now: dt.datetime) -> float | None:
    """Tokens in the lane's bucket, which holds a second's worth; None without a rate."""
    if lane.rate is None:
        return None
    full = max(lane.rate, 1.0)
    if lane.tokens_at is None:
        return full
    return max(0.0, min(full, lane.tokens + lane.rate * (now - lane.tokens_at).total_seconds()))


def finish_lane(lane: Lane, finished: Sequence[tuple[Delivery, Result]], now: dt.datetime) -> FinishedLane:
    """Give the slots back, wake the lane for the next retry, and keep the facts that health reads."""
    due = [(delivery.turn, delivery.due_at) for delivery, _ in finished if delivery.due_at is not None]
    for turn, at in due:
        if turn == Turn.URGENT:
            lane.urgent_from = at if lane.urgent_from is None else min(at, lane.urgent_from)
        else:
            lane.retry_from = at if lane.retry_from is None else min(at, lane.retry_from)
    lane.seq += bool(due)
    lane.in_flight -= len(finished)
    if any(result.succeeded and not delivery.test for delivery, result in finished):
        lane.last_success_at = now
    if any(result.succeeded and delivery.test for delivery, result in finished):
        lane.last_test_success_at = now
    if any(delivery.status == DeliveryStatus.FAILED for delivery, _ in finished):
        lane.last_exhausted_at = now
    of_url = [(delivery, result) for delivery, result in finished if is_of_url(lane, delivery.last_attempt_at)]
    if any(result.succeeded for _, result in of_url):
        lane.failing_since = None
    elif lane.failing_since is None and any(_failed(*one) for one in of_url):
        lane.failing_since = now
    down_since = lane.down_since
    if any(result.recovers for _, result in finished if result.succeeded):
        lane.down_since = None
    elif lane.down_since is None and _goes_down(finished, of_url):
        lane.down_since = now
    before = lane.open_until
    apply(_tally(finished, [result for _, result in of_url], lane), lane, now)
    lane.save()
    opened = lane.open_until if lane.open_until != before else None
    gone = any(result.response_status == HTTPStatus.GONE for _, result in of_url)
    exhausted = [one.pk for one, _ in finished if one.tells and one.status == DeliveryStatus.FAILED]
    recovered = [one.pk for one, result in finished if result.succeeded and result.recovers]
    return FinishedLane(
        lane.pk, len(finished), lane.failing_since, opened, gone, lane.url_since, down_since, exhausted, recovered
    )


def _goes_down(finished: Sequence[tuple[Delivery, Result]], of_url: Sequence[tuple[Delivery, Result]]) -> bool:
    """Whether something real failed there, and nothing real succeeded."""
    if any(delivery.tells and result.succeeded for delivery, result in finished):
        return False
    return any(delivery.tells and _failed(delivery, result) for delivery, result in of_url)


def _failed(delivery: Delivery, result: Result) -> bool:
    return result.blames and not delivery.test


def _tally(finished: Sequence[tuple[Delivery, Result]], of_url: Sequence[Result], lane: Lane) -> Tally:
    counting = [(delivery, result) for delivery, result in finished if counts(lane, delivery.last_attempt_at)]
    failed_from = [delivery.last_attempt_at for delivery, result in counting if _failed(delivery, result)]
    times = [result.duration_ms for result in of_url if result.succeeded]
    return Tally(
        successes=sum(result.succeeded for _, result in counting),
        failures=len(failed_from),
        probe_failed=lane.judged_from is not None and lane.judged_from in failed_from,
        slow=any(result.slow for result in of_url),
        pause=max((result.pause for result in of_url if result.pause is not None), default=None),
        ms=fmean(times) if times else None,
    )
