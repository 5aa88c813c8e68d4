"""The drain: dispatches events, claims deliveries, keeps a bounded set of requests in flight, records results.

It never waits for the slowest of a batch: slots are refilled as requests finish. After some seconds it hands back,
so that deploys and other tasks get their turn; what is still in flight then is finished by a thread of the same
process, or by the next drain there, whichever comes first (measured: waiting for hung requests before handing back
made p99 6.8 s).
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection, connections
from django.utils import timezone

from deliveries.endpoints import disable_endpoint
from deliveries.engine.destinations import CannotSend, Destinations
from deliveries.engine.in_flight import SHARE_OF_ONE, InFlight
from deliveries.engine.pace import Pace, RetryPace
from deliveries.engine.recording import record
from deliveries.engine.results import result_of, unsent
from deliveries.engine.statements import Claimed, FinishedLane, Statements, statements
from deliveries.models import Lane
from deliveries.transport.sender import Outcome, Sender
from deliveries.transport.sender_factory import make_sender
from switera_webhooks.ids import Prefix, to_public_id
from switera_webhooks.refusals import Conflict
from switera_webhooks.times import iso
from webhooks.audit import SYSTEM
from webhooks.models import DisabledReason, Endpoint

logger = logging.getLogger(__name__)
Value = TypeVar("Value")

# So many share one claim: twice as many statements for half of it cost a tenth more of PostgreSQL's time.
CLAIM_AT_MOST = 256
EVENTS_AT_ONCE = 100
# A claim of so many says that there is more: the next one follows without a look whether there is.
BACKLOG = 16
# With a backlog, new events are looked for so often.
LOOK_FOR_EVENTS_SECONDS = 0.01
# With a backlog, so many results are recorded together, or what has come within the wait.
GROUP = 128
GROUP_WAIT = 0.01
# Without one, a quarter of what is in flight: recording each result by itself would cost more than sending it.
GROUP_SHARE = 4
# Without one, new work is looked for this often: soon after the last work, then more and more seldom.
POLL_AT_FIRST = 0.002
POLL_AT_LAST = 0.05
# In a stream of so many deliveries a second an idle drain stays so long before it ends, so that they need no new task
# each. A lone delivery costs no look for more than one.
LINGER = 0.1
STREAM = 20.0
# Beyond the wall clock of an attempt: time to start it and to record it.
LEASE_MARGIN = 10.0
# A database that is away or a deadlock is waited out for so long at a time.
RECORD_WITHIN = 15.0


@dataclass(frozen=True)
class DrainReport:
    """What a drain did: attempts recorded, and whether work was left when it handed back."""

    sent: int
    more: bool


class Engine:
    """One a process: a sender with its connections, and what is in flight through it."""

    def __init__(self, make: Callable[[], Sender] = make_sender) -> None:
        self._make_sender = make
        self._sender: Sender | None = None
        self._destinations = Destinations()
        self._driving = threading.Lock()
        self._wanted = threading.Event()  # a drain waits for the tail thread to let go
        self._stopped = threading.Event()
        self._unrecorded: list[Outcome] = []
        self._on_the_wire = InFlight()
        self._drains = 0
        self._recorded = Pace()
        self._retries = RetryPace()
        self._looked_at = 0.0
        self._dispatched = 0  # events, at the last look

    def drain(self, seconds: float | None, *, linger: float = 0.0, once: bool = False) -> DrainReport:
        """Deliver until nothing is due or in flight, or `seconds` have passed (None: however long it takes).

        `once` claims only what is due at the start. `linger` is how long to look for more before ending. Where
        another thread of this process drains already, this one leaves it to that.
        """
        self._wanted.set()
        try:
            if not self._driving.acquire(timeout=0.2):
                return DrainReport(0, False)
        finally:
            self._wanted.clear()
        self._drains += 1
        mine = self._drains
        try:
            return self._run(seconds, linger, once)
        finally:
            self._driving.release()
            # Also after an error: what was answered must be recorded, or it is sent again.
            if self._in_flight():
                tail = threading.Thread(target=self._finish_tail, args=(mine,), name="deliveries-tail", daemon=True)
                tail.start()

    def stop(self) -> None:
        """Claim nothing more; a drain that runs ends once what is in flight has finished."""
        self._stopped.set()

    def close(self) -> None:
        """Finish what is in flight, within the wall clock of an attempt, and close the connections."""
        self.stop()
        with self._driving:
            until = time.monotonic() + settings.WEBHOOKS_TIMEOUT + 1
            while self._in_flight() and time.monotonic() < until:
                self._collect(wait=0.1, at_least=self._in_flight())
            if self._sender is not None:
                self._sender.close()
                self._sender = None

    def _in_flight(self) -> int:
        return (self._sender.in_flight() if self._sender is not None else 0) + len(self._unrecorded)

    def _finish_tail(self, drain: int) -> None:
        """Record what is still in flight after a drain, until the next drain takes over; that has its own tail."""
        until = time.monotonic() + settings.WEBHOOKS_TIMEOUT + LEASE_MARGIN
        try:
            while self._in_flight() and not self._wanted.is_set():
                try:
                    with self._driving:
                        if self._drains != drain:
                            return
                        self._collect(wait=0.05, at_least=1)
                except (OperationalError, InterfaceError):
                    if time.monotonic() > until:  # their leases have run out
                        with self._driving:
                            if self._drains == drain:
                                self._unrecorded = []
                        raise
                # Let a drain that waits take the lock.
                time.sleep(0.001)
        except Exception:  # a thread's last word: the sweep finds the leases
            logger.exception("Finishing requests after a drain failed; their leases will run out")
        finally:
            connections.close_all()

    def _run(self, seconds: float | None, linger: float, once: bool) -> DrainReport:
        sender = self._sender = self._sender or self._make_sender()
        hot = statements()
        retrying(hot.prepare_connection)
        ends_at = None if seconds is None else time.monotonic() + seconds
        idle_since: float | None = None
        poll = POLL_AT_FIRST
        sent = 0
        claiming = True
        backlog = False
        while True:
            began = time.monotonic()
            if self._stopped.is_set() or (ends_at is not None and began >= ends_at):
                more = backlog or self._dispatched > 0 or self._in_flight() > 0 or self._retries.left_out
                if self._stopped.is_set() and self._in_flight():
                    sent += self._collect(wait=0.1, at_least=self._in_flight())
                    continue
                return DrainReport(sent, more)
            room = min(sender.room(), CLAIM_AT_MOST)
            claimed = self._start(hot, sender, room, backlog) if claiming and room else 0
            backlog = claimed >= min(room, BACKLOG) > 0
            if once and room and not (claimed or self._dispatched or self._retries.left_out):
                claiming = False
            if claimed:
                idle_since, poll = None, POLL_AT_FIRST
            busy = backlog or room == 0
            in_flight = sender.in_flight()
            recorded = self._collect(
                wait=GROUP_WAIT if busy else poll,
                at_least=max(1, min(GROUP, in_flight if busy else in_flight // GROUP_SHARE)),
            )
            sent += recorded
            if claimed or recorded or self._dispatched:  # events that nobody subscribes to are work too
                poll = POLL_AT_FIRST
                self._retries.took(time.monotonic() - began)
                continue
            poll = min(poll * 2, POLL_AT_LAST)
            if self._in_flight():
                continue
            if self._retries.left_out:
                self._stopped.wait(min(poll, self._retries.rest()))
                continue
            now = time.monotonic()
            idle_since = idle_since or now
            if now - idle_since >= linger or self._recorded.a_second() < STREAM:
                return DrainReport(sent, False)
            self._stopped.wait(poll)

    def _start(self, hot: Statements, sender: Sender, room: int, backlog: bool) -> int:
        """Dispatch new events, claim what is due, and send it; the number that was claimed."""
        now = time.monotonic()
        retries = self._retries.lanes(room)
        before, self._dispatched = self._dispatched, 0
        if before >= EVENTS_AT_ONCE or (before and self._recorded.a_second() >= STREAM):
            # Where events keep coming, there is no need to ask whether they do.
            self._dispatched = retrying(lambda: hot.fan_out(EVENTS_AT_ONCE))
        elif not backlog or now - self._looked_at >= LOOK_FOR_EVENTS_SECONDS:
            self._looked_at = now
            waiting = retrying(hot.waiting)
            if waiting.events:
                self._dispatched = retrying(lambda: hot.fan_out(EVENTS_AT_ONCE))
            elif not waiting.lanes:
                return 0
        slots = sender.room() + sender.in_flight()
        passed_over = self._on_the_wire.passed_over(slots)
        of_one = max(1, int(slots * SHARE_OF_ONE))
        lease_seconds = settings.WEBHOOKS_TIMEOUT + LEASE_MARGIN
        claimed = retrying(lambda: hot.claim(room, lease_seconds, passed_over, of_one, retries))
        self._retries.claimed(claimed)
        if claimed:
            retrying(lambda: self._destinations.load(claimed))
        for claim, request in self._destinations.requests(claimed):
            self._on_the_wire.add((claim,))
            if isinstance(request, CannotSend):
                self._unrecorded.append(unsent(claim, str(request)))
            else:
                sender.start(request)
        return len(claimed)

    def _collect(self, wait: float, at_least: int) -> int:
        """Record what has finished, in one statement; the number of attempts recorded."""
        if self._sender is not None:
            self._unrecorded += self._sender.finished(0.0 if self._unrecorded else wait, at_least)
        if not self._unrecorded:
            return 0
        outcomes = self._unrecorded
        claims = [(outcome.token, outcome) for outcome in outcomes if isinstance(outcome.token, Claimed)]
        self._on_the_wire.remove(claim for claim, _ in claims)
        try:
            recorded = retrying(lambda: _record(claims), within=RECORD_WITHIN)
        except (OperationalError, InterfaceError):
            raise  # kept: the database may be back before their leases run out
        except Exception:
            # One of them cannot be recorded: the others must be, or they are sent again.
            logger.exception("%d results were not recorded together; trying each by itself", len(claims))
            recorded = _record_one_by_one(claims)
        self._unrecorded = []
        self._recorded.add(recorded)
        return recorded


def _record_one_by_one(claims: Sequence[tuple[Claimed, Outcome]]) -> int:
    recorded = 0
    for claim in claims:
        try:
            recorded += _record([claim])
        except Exception:  # whatever it is, the next one has nothing to do with it
            logger.exception("A result was not recorded: its lease will run out")
    return recorded


def _record(claims: Sequence[tuple[Claimed, Outcome]]) -> int:
    lanes = record([result_of(claim, outcome) for claim, outcome in claims])
    recorded = sum(lane.finished for lane in lanes)
    if recorded < len(claims):
        logger.warning("%d attempts were not recorded: their leases had run out", len(claims) - recorded)
    for lane in lanes:
        if lane.opened_until is not None:
            endpoint = to_public_id(Prefix.ENDPOINT, lane.endpoint_id)
            logger.warning("%s only fails: nothing is sent there until %s", endpoint, iso(lane.opened_until))
    try:
        retrying(partial(_disable, lanes))
    except (OperationalError, InterfaceError):  # not the results' fault: those are recorded
        logger.exception("An endpoint that should be disabled was not; its next failure is as good a reason")
    return recorded


def _disable(lanes: Sequence[FinishedLane]) -> None:
    """Disable endpoints that answered 410, and those with nothing but failures for too long."""
    unfit = {
        lane.endpoint_id: lane
        for lane in lanes
        if lane.gone
        or (
            lane.failing_since is not None
            and (timezone.now() - lane.failing_since).total_seconds() >= settings.WEBHOOKS_DISABLE_AFTER
        )
    }
    for endpoint in Endpoint.objects.filter(pk__in=unfit, deleted_at=None) if unfit else ():
        seen = unfit[endpoint.pk]
        reason = DisabledReason.GONE if seen.gone else DisabledReason.SUSTAINED_FAILURE
        try:
            disable_endpoint(endpoint, reason, SYSTEM, still=partial(_holds, seen))
        except Conflict:  # deleted meanwhile: there is nothing to disable
            pass


def _holds(seen: FinishedLane, lane: Lane) -> bool:
    """Whether the endpoint still has the URL that answered, or has only failed since the same moment."""
    return lane.url_since == seen.url_since if seen.gone else lane.failing_since == seen.failing_since


def retrying(action: Callable[[], Value], within: float = 5.0) -> Value:
    """Do it again after a deadlock or on a new connection, until it works or `within` seconds have passed.

    Raises the last OperationalError.
    """
    until = time.monotonic() + within
    pause = 0.02
    while True:
        try:
            return action()
        except (OperationalError, InterfaceError) as error:
            if connection.in_atomic_block or time.monotonic() + pause > until:
                raise
            logger.warning("The database did not take a statement (%s); trying again", type(error.__cause__).__name__)
            close_old_connections()
            time.sleep(pause)
            pause = min(pause * 2, 1.0)
