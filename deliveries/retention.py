"""Retention: events older than WEBHOOKS_RETENTION_DAYS go, with their deliveries, attempts and idempotency keys.

An event's `created_at` decides for all that came of it, also for a delivery that was retried or replayed yesterday, is
held, or still waits. What is being sent stays, and its event with it, until a later run. Replays go as long after
they ended.

Ids are UUIDv7: a bound on the primary key finds old events without an index by time. An id has its time from the clock
of the process that emitted, `created_at` from the database's, so the bound only narrows the search: a clock that was
slow makes a row be looked at early and left; one that was fast lets it go as much too late.

Nothing here waits for a lock (SKIP LOCKED throughout), so no deadlock can come of it; others wait for a batch at most.
"""

import datetime as dt
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from django.conf import settings
from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q

from deliveries.models import Attempt, Delivery, DeliveryStatus, Lane, Replay
from deliveries.tally import prune_tallies
from deliveries.worker_turn import begin_turn
from events.models import Event
from switera_webhooks.database import database_now, use_indexes
from switera_webhooks.ids import first_id_at
from webhooks.models import Endpoint

# Measured with 300,000 old deliveries, an attempt each, of 30,000 events, beside claims and finishes of 128 without a
# break; two cores for all. Claim + finish, p50 / p99 in ms, and what went in a second:
#   no pruning     12 to 15 / 16 to 18
#   100 at once          13 / 20           3,700 deliveries, a batch takes  13 ms
#   500                  12 / 26           6,400                            36
#   2,000                11 / 20           9,800                           104
#   500, no rest         14 / 25          14,300                            32
# Claims that do not fill the machine (128 every 50 ms): 16 / 24 without, 16 / 27 with 500. With a delivery an event
# 3,900 go in a second, a batch takes 65 ms. So claims feel the work of it, not its locks; what decides is how long
# others may wait for a row, and a batch of 500 is over before anybody notices.
EVENTS_AT_ONCE = 500
# An event may have many deliveries: they go in as many batches as it takes, the event with the last of them.
DELIVERIES_AT_ONCE = 500
ENDPOINTS_AT_ONCE = 100
REPLAYS_AT_ONCE = 500
# After a batch, a rest as long as the batch took: others' transactions and the disk come first.
REST_SHARE = 1.0

FIRST_ID = uuid.UUID(int=0)


@dataclass(frozen=True)
class Pruned:
    """Rows that a run deleted, and whether it ended before all was done."""

    events: int = 0
    deliveries: int = 0
    attempts: int = 0
    endpoints: int = 0
    replays: int = 0
    more: bool = False

    @property
    def rows(self) -> int:
        return self.events + self.deliveries + self.attempts + self.endpoints + self.replays

    def __str__(self) -> str:
        counts = (
            (self.events, "event"),
            (self.deliveries, "delivery"),
            (self.attempts, "attempt"),
            (self.endpoints, "endpoint"),
        )
        told = [_counted(*count) for count in counts]
        return f"{', '.join(told)} and {_counted(self.replays, 'replay')}"

    def __add__(self, other: "Pruned") -> "Pruned":
        return Pruned(
            self.events + other.events,
            self.deliveries + other.deliveries,
            self.attempts + other.attempts,
            self.endpoints + other.endpoints,
            self.replays + other.replays,
            self.more or other.more,
        )


def _counted(number: int, noun: str) -> str:
    nouns = noun if number == 1 else {"delivery": "deliveries"}.get(noun, f"{noun}s")
    return f"{number:,} {nouns}"


def prune_in_turn() -> Pruned:
    """A worker's turn of prune_history; `more` says that it should have another."""
    return prune_history(begin_turn())


def prune_history(enough: Callable[[], bool] = lambda: False) -> Pruned:
    """Delete what is past retention, a short transaction a batch, until nothing is or `enough` says so after a batch.

    A deleted endpoint goes, with its lane, when it was deleted so long ago and no delivery of it is left.
    """
    cutoff = database_now() - dt.timedelta(days=settings.WEBHOOKS_RETENTION_DAYS)
    pruned = Pruned()
    after: uuid.UUID | None = FIRST_ID
    while after is not None:
        started = time.monotonic()
        old = Event.objects.filter(id__lt=first_id_at(cutoff), created_at__lt=cutoff)
        batch, after = delete_events(old, after)
        pruned += batch
        if after is not None:
            if enough():
                return pruned + Pruned(more=True)
            time.sleep((time.monotonic() - started) * REST_SHARE)
    while endpoints := _prune_endpoints(cutoff):
        pruned += Pruned(endpoints=endpoints)
        if enough():
            return pruned + Pruned(more=True)
    while replays := _prune_replays(cutoff):
        pruned += Pruned(replays=replays)
        if enough():
            return pruned + Pruned(more=True)
    # Counts, not history: pages show less of them than retention keeps, and nobody asks how many went.
    return pruned + Pruned(more=prune_tallies(enough))


def delete_events(events: models.QuerySet[Event], after: uuid.UUID) -> tuple[Pruned, uuid.UUID | None]:
    """Delete one batch of these events, oldest first, with ids beyond `after`, and all that came of them.

    The second of the pair is where the next batch begins, None at the end. A run goes on from there and not from the
    beginning: entries of deleted rows stay in the index until a vacuum.
    """
    with transaction.atomic():
        use_indexes()
        ids = list(events.filter(id__gt=after).order_by("id").values_list("id", flat=True)[:EVENTS_AT_ONCE])
        if not ids:
            return Pruned(), None
        found = _find_deliveries(ids)
        is_all = len(found) < DELIVERIES_AT_ONCE
        last = ids[-1] if is_all else found[-1].event_id
        # Locked so, an event gets no new delivery: fan-out passes over it, and the foreign key's check waits.
        locked = _lock(Event.objects.filter(pk__in=[key for key in ids if key <= last]))
        deliveries = _lock_deliveries(locked, found)
        # No constraint holds attempts to their delivery: they go first, in the same transaction.
        attempts = _delete(Attempt.objects.filter(delivery__in=deliveries))
        _delete(Delivery.objects.filter(pk__in=deliveries))
        left = Delivery.objects.filter(event=OuterRef("pk"))
        gone = _delete(Event.objects.filter(~Exists(left), pk__in=locked))
    # There may be more of the last event; where all that was found is in others' hands, it is left to a later run.
    return Pruned(gone, len(deliveries), attempts), last if is_all or not deliveries else after


class _Found(NamedTuple):
    id: uuid.UUID
    event_id: uuid.UUID
    endpoint_id: uuid.UUID
    status: str


def _find_deliveries(events: list[uuid.UUID]) -> list[_Found]:
    """The first deliveries of these events that are not being sent, in the order of events."""
    found = Delivery.objects.filter(event__in=events).exclude(status=DeliveryStatus.SENDING)
    rows = found.order_by("event_id", "endpoint_id").values_list("id", "event_id", "endpoint_id", "status")
    return [_Found(*row) for row in rows[:DELIVERIES_AT_ONCE]]


def _lock_deliveries(events: list[uuid.UUID], found: list[_Found]) -> list[uuid.UUID]:
    """Those that may go, locked; pending ones only under their lane's lock."""
    lanes = _lock_lanes({row.endpoint_id for row in found if row.status == DeliveryStatus.PENDING})
    # As they are now: one that was retried meanwhile is pending, and its lane is not ours.
    may_go = Delivery.objects.filter(
        ~Q(status=DeliveryStatus.PENDING) | Q(endpoint__in=lanes), pk__in=[row.id for row in found], event__in=events
    )
    return _lock(may_go.exclude(status=DeliveryStatus.SENDING))


def _lock_lanes(endpoints: set[uuid.UUID]) -> list[uuid.UUID]:
    """Those of the lanes that nobody else has locked, and a word to the claims that something changes there.

    The moments from which a lane waits stay: they are lower bounds, and the next claim corrects them.
    """
    if not endpoints:
        return []
    free = Lane.objects.select_for_update(skip_locked=True, no_key=True).filter(pk__in=endpoints)
    lanes = list(free.values_list("pk", flat=True))
    Lane.objects.filter(pk__in=lanes).update(seq=F("seq") + 1)
    return lanes


def _prune_endpoints(cutoff: dt.datetime) -> int:
    """One batch of endpoints that are deleted and have no history left; how many went."""
    with transaction.atomic():
        use_indexes()
        history = Delivery.objects.filter(endpoint=OuterRef("endpoint"))
        lanes = Lane.objects.filter(~Exists(history), endpoint__deleted_at__lt=cutoff)
        locked = lanes.select_for_update(skip_locked=True, of=("self",)).order_by("pk")
        endpoints = list(locked.values_list("pk", flat=True)[:ENDPOINTS_AT_ONCE])
        # With what refers to them.
        _, counts = Endpoint.objects.filter(pk__in=endpoints).delete()
    return counts.get(Endpoint._meta.label, 0)


def _prune_replays(cutoff: dt.datetime) -> int:
    """One batch of replays that ended before the cutoff, whoever started them; how many went."""
    with transaction.atomic():
        ended = Replay.objects.filter(id__lt=first_id_at(cutoff), finished_at__lt=cutoff).order_by("id")
        return _delete(Replay.objects.filter(pk__in=_lock(ended[:REPLAYS_AT_ONCE])))


def _lock(rows: models.QuerySet[models.Model]) -> list[uuid.UUID]:
    """The keys of those rows that nobody else has locked, which stay locked until the transaction ends."""
    return list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True))


def _delete(rows: models.QuerySet[models.Model]) -> int:
    """One DELETE, without Django's look for rows that refer to these: there are none left. Returns their number."""
    return rows._raw_delete(rows.db) or 0  # none where no keys are given
