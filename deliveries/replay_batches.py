"""The work of replays: a short transaction a batch, oldest first, until nothing is left or somebody cancels it.

Who takes a batch locks the replay's row, does the batch, and writes on that row how far it came: all or nothing, one
at a time, wherever it is killed. Lanes are locked next, as deliveries/locking.py says; until the batch is written no
claim takes from them and no fan-out reaches them, so a batch is small, and a rest as long as the batch follows.
"""

import datetime as dt
import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Case, DateTimeField, F, Q, QuerySet, Value, When
from django.db.models.expressions import RawSQL

from deliveries.delivery_filter import DeliveryFilter
from deliveries.engine.drain import retrying
from deliveries.locking import lock_open_lanes
from deliveries.models import Delivery, DeliveryStatus, Lane, Replay, ReplayKind, ReplayStatus, Turn
from deliveries.models.replay import Batch
from deliveries.replay_matches import (
    between,
    deliveries_to_search,
    events_to_search,
    matching_deliveries,
    matching_events,
)
from events.models import Event
from switera_webhooks.database import database_now, use_indexes
from switera_webhooks.ids import new_id
from switera_webhooks.nudge import nudge
from webhooks.models import Endpoint

logger = logging.getLogger(__name__)

# Deliveries that a batch makes pending at most: so long may an endpoint's lane be locked. Measured with 400,000 events
# and 320,000 deliveries of one endpoint, two cores, p50 / max in ms, and how many in a second without rests:
#          failed              missing (one event of ten)
#   100    18 /  43   5,100    35 /  51   2,700
#   250    25 /  61   8,800    60 / 103   3,900
#   500    41 /  98  11,000    94 / 129   5,100
#   1,000 118 / 160   8,300    99 / 127   9,800
# Beyond 250 nothing is gained that a receiver would notice.
DELIVERIES_AT_ONCE = 250
# Rows among which it looks for them: where few match, a batch is no longer than where all do.
SEARCHED_AT_ONCE = 5_000
# After a batch, so many times as long as it took: then claims and fan-outs have the lane.
REST_SHARE = 1.0
# After so long without a batch, the message that a worker was sent is taken for lost.
LOST_AFTER = dt.timedelta(seconds=10)

_MICROSECOND = dt.timedelta(microseconds=1)


def work_on_replays(enough: Callable[[], bool]) -> bool:
    """A batch of each replay in turn until all have ended, or `enough` says so after a batch; whether any is left.

    Those that another process is at this moment working on are left to it.
    """
    worked = True
    while worked:
        worked = False
        for key in list(
            Replay.objects.active().order_by(F("worked_at").asc(nulls_first=True)).values_list("pk", flat=True)
        ):
            started = time.monotonic()
            if not _work_on(key):
                continue
            worked = True
            if enough():
                return Replay.objects.active().exists()
            time.sleep((time.monotonic() - started) * REST_SHARE)
    return False


def replays_wait() -> bool:
    """Whether a worker has to be sent for: a replay is new, or nobody has done anything for it for long.

    Says so once, and again if that message seems to be lost too.
    """
    active = Replay.objects.active()
    if not active.exists():
        return False
    now = database_now()
    # Whoever works on one takes the others in turn: messages would only multiply.
    if active.filter(worked_at__gte=now - LOST_AFTER).exists():
        return False
    return active.filter(Q(worked_at=None) | Q(worked_at__lt=now - LOST_AFTER)).update(worked_at=now) > 0


def _work_on(key: uuid.UUID) -> bool:
    """One batch; whether there was one to do. A defect ends the replay, or it would come up again for ever."""
    try:
        return retrying(partial(next_batch, key))
    except (OperationalError, InterfaceError):
        raise  # the database is away: the sweep goes on with it when it is back
    except Exception:  # whatever it is, this replay alone ends of it: others go on
        logger.exception("A replay failed")
        ended = Replay.objects.active().filter(pk=key)
        return ended.update(status=ReplayStatus.FAILED, finished_at=database_now()) > 0


def next_batch(key: uuid.UUID) -> bool:
    """Do the replay's next batch; False where it has ended or somebody else is at it."""
    with transaction.atomic():
        use_indexes()
        free = Replay.objects.active().select_for_update(skip_locked=True, no_key=True)
        replay = free.filter(pk=key).first()
        if replay is None:
            return False
        kind, filters = ReplayKind(replay.kind), DeliveryFilter.from_json(replay.filters)
        batch = _of_events(replay, kind, filters) if kind.walks_events else _of_deliveries(replay, kind, filters)
        replay.add(batch, database_now())
        if batch.retried or batch.created:
            nudge()
    return True


def _of_deliveries(replay: Replay, kind: ReplayKind, filters: DeliveryFilter) -> Batch:
    scope = (replay.app_id, replay.environment, filters)
    until = _search_until(deliveries_to_search(*scope), replay.cursor)
    found = _first(between(matching_deliveries(*scope), replay.cursor, until), "endpoint_id", "test")
    lanes = lock_open_lanes({endpoint for _, endpoint, _ in found})
    now = database_now()
    due = {key: now + place * _MICROSECOND for place, (key, endpoint, _) in enumerate(found) if endpoint in lanes}
    # Only those that are still in that state: a person may have retried one meanwhile.
    retried = _retry(Delivery.objects.filter(status=kind.value), due)
    for turn, test in ((Turn.RETRY, False), (Turn.URGENT, True)):
        if woken := {endpoint for _, endpoint, is_test in found if is_test == test}:
            Lane.objects.filter(pk__in=woken.intersection(lanes)).wait_from(turn, now)
    return _batch(found, until, retried=retried)


def _of_events(replay: Replay, kind: ReplayKind, filters: DeliveryFilter) -> Batch:
    lanes = lock_open_lanes([filters.endpoint_id] if filters.endpoint_id else [])
    if not lanes:  # deleted meanwhile
        return Batch(replay.cursor, ended=True)
    # With the lane locked: what it is subscribed to, and which deliveries it has, stays so until the batch is written.
    endpoint = Endpoint.objects.get(pk=lanes[0])
    until = _search_until(events_to_search(endpoint, filters), replay.cursor)
    found = _first(matching_events(endpoint, kind, filters, replay.cursor, until), "type")
    types = dict(found)
    existing = dict(Delivery.objects.filter(endpoint=endpoint, event__in=types).values_list("event", "pk"))
    now = database_now()
    due = {key: now + place * _MICROSECOND for place, key in enumerate(types)}
    retried = _retry(Delivery.objects.all(), {existing[key]: at for key, at in due.items() if key in existing})
    created = _create(endpoint, {key: type for key, type in types.items() if key not in existing}, due, now)
    if retried or created:
        Lane.objects.filter(pk=endpoint.pk).wait_from(Turn.RETRY, now)
    return _batch(found, until, retried=retried, created=created)


def _search_until(rows: QuerySet[Any], after: uuid.UUID | None) -> uuid.UUID | None:
    """The last key of those that one batch looks through; None where it looks through all that is left."""
    keys = between(rows, after).order_by("pk").values_list("pk", flat=True)
    return keys[SEARCHED_AT_ONCE - 1 : SEARCHED_AT_ONCE].first()


def _first(rows: QuerySet[Any], *columns: str) -> list[tuple[Any, ...]]:
    """The oldest of these rows, as many as one batch takes: their keys and these columns."""
    return list(rows.order_by("pk").values_list("pk", *columns)[:DELIVERIES_AT_ONCE])


def _batch(found: Sequence[tuple[uuid.UUID, Any]], until: uuid.UUID | None, *, retried: int, created: int = 0) -> Batch:
    skipped = len(found) - retried - created
    if len(found) == DELIVERIES_AT_ONCE:  # there may be more before `until`
        return Batch(found[-1][0], ended=False, retried=retried, created=created, skipped=skipped)
    return Batch(until, ended=until is None, retried=retried, created=created, skipped=skipped)


def _retry(deliveries: QuerySet[Delivery], due: Mapping[uuid.UUID, dt.datetime]) -> int:
    """One attempt at these times and, if it fails, the schedule from its start; how many it is that get one.

    What is being sent stays, and so does what waits and is due already: it has its place, perhaps a better one.
    """
    if not due:
        return 0
    waiting = Q(status=DeliveryStatus.PENDING, due_at__lte=min(due.values()))
    return (
        deliveries.filter(pk__in=due)
        .exclude(Q(status=DeliveryStatus.SENDING) | waiting)
        .update(
            status=DeliveryStatus.PENDING,
            due_at=_each_at(due),
            # A test send goes out to a disabled endpoint too, which retries do not.
            turn=Case(When(test=True, then=Value(Turn.URGENT.value)), default=Value(Turn.RETRY.value)),
            schedule_position=0,
            lost_count=0,
        )
    )


def _each_at(due: Mapping[uuid.UUID, dt.datetime]) -> RawSQL:
    """The delivery's time, as an expression. Of Django's own parts it takes longer to put together than to run."""
    key, moment = Delivery._meta.pk, Delivery._meta.get_field("due_at")
    values = [
        value
        for delivery, at in due.items()
        for value in (key.get_db_prep_save(delivery, connection), moment.get_db_prep_save(at, connection))
    ]
    return RawSQL(f"case id {'when %s then %s ' * len(due)}end", values, DateTimeField())  # noqa: S611 (no text of others)


def _create(
    endpoint: Endpoint, types: Mapping[uuid.UUID, str], due: Mapping[uuid.UUID, dt.datetime], now: dt.datetime
) -> int:
    """Make the deliveries that are missing, of events that retention has not deleted meanwhile; their number."""
    # Locked, so that retention leaves them alone.
    events = Event.objects.select_for_update(no_key=True).filter(pk__in=types).order_by("pk")
    made = Delivery.objects.bulk_create(
        Delivery(
            id=new_id(),
            event_id=event,
            endpoint=endpoint,
            app_id=endpoint.app_id,
            environment=endpoint.environment,
            event_type=types[event],
            due_at=due[event],
            turn=Turn.RETRY,
            created_at=now,
        )
        for event in events.values_list("pk", flat=True)
    )
    return len(made)
