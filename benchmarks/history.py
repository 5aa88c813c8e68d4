"""What a claim and a finish cost with millions of delivered rows in the tables, against ten thousand.

The engine runs alone, in this process, with a sender that answers at once; PostgreSQL says how long its statements
took.
"""

import time
from datetime import UTC, datetime

from django.db import connection

from benchmarks.meter import Meter
from benchmarks.report import Report
from benchmarks.scale import Scale
from benchmarks.seed import backlog, copy_rows, seed_app
from benchmarks.stack import Stack
from deliveries.engine.drain import Engine
from deliveries.models import Attempt, Delivery
from deliveries.transport.sender import OutboundRequest, Outcome
from events.models import Event
from webhooks.models import App

ENDPOINTS = 10
FEW = 10_000
DELIVERIES = 10_000
TIMES_AT_MOST = 1.15
CHUNK = 20_000  # events


class InstantSender:
    """A Sender (deliveries/transport/sender.py) whose receivers answer 204 before they are asked."""

    def __init__(self, slots: int = 256) -> None:
        self._slots = slots
        self._outcomes: list[Outcome] = []

    def room(self) -> int:
        return self._slots - len(self._outcomes)

    def start(self, request: OutboundRequest) -> None:
        self._outcomes.append(Outcome(request.token, datetime.now(UTC), 1, 204, (), "", False, None, ""))

    def finished(self, wait: float, at_least: int = 1) -> list[Outcome]:
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def in_flight(self) -> int:
        return len(self._outcomes)

    def close(self) -> None:
        self._outcomes = []


def run(stack: Stack, scale: Scale, report: Report) -> None:
    many = scale.pick(100_000, 1_000_000, 10_000_000)
    deliveries = scale.pick(2_000, DELIVERIES, DELIVERIES)
    with Meter(stack) as meter:
        app = seed_app([f"http://127.0.0.1:9/{number}" for number in range(ENDPOINTS)])
        engine = Engine(InstantSender)
        _measure(meter, engine, app, FEW)
        stack.settle()
        few = [_measure(meter, engine, app, deliveries) for _ in range(scale.rounds)]
        started = time.monotonic()
        grow(many - meter.succeeded())
        stack.settle()
        report.figures["seconds to seed"] = time.monotonic() - started
        before = meter.succeeded()
        _measure(meter, engine, app, 1_000)
        found = [_measure(meter, engine, app, deliveries) for _ in range(scale.rounds)]
        report.missing("history", before + 1_000 + scale.rounds * deliveries, meter.succeeded())
        engine.close()
    told = "all SQL of a delivery from a backlog"
    report.add(f"{told}, {FEW:,} delivered rows", "ms", few)
    report.add(f"{told}, {many:,} delivered rows", "ms", found)
    times = [large / small for large, small in zip(sorted(found), sorted(few), strict=True)]
    report.add(f"the cost at {many:,} delivered rows against {FEW:,}", "times", times, at_most=TIMES_AT_MOST)


def _measure(meter: Meter, engine: Engine, app: App, deliveries: int) -> float:
    """Milliseconds that PostgreSQL spent in statements, a delivery."""
    backlog(app, deliveries // ENDPOINTS)
    meter.forget_statements()
    engine.drain(None)
    spent = meter.statement_ms()
    meter.wait_until_done(1.0)
    return spent / deliveries


def grow(deliveries: int) -> None:
    """So many delivered rows more, with their events and attempts: copies of one event that was delivered."""
    event = Event.objects.order_by("id").values_list("pk", flat=True)[:1].get()
    events = -(-deliveries // ENDPOINTS)
    with connection.cursor() as cursor:
        # As a superuser may, so that no key is checked: all of them are there.
        cursor.execute("set session_replication_role = replica")
        cursor.execute("create temporary table new_events (event uuid)")
        cursor.execute("create temporary table new_deliveries (event uuid, original uuid, delivery uuid)")
        for done in range(0, events, CHUNK):
            cursor.execute("truncate new_events, new_deliveries")
            number = min(CHUNK, events - done)
            cursor.execute("insert into new_events select switera_uuid7() from generate_series(1, %s)", [number])
            cursor.execute(
                "insert into new_deliveries select event, original.id, switera_uuid7() "
                "from new_events, deliveries_delivery original where original.event_id = %s",
                [event],
            )
            copy_rows(cursor, Event, {"id": "event"}, "new_events", f"original.id = '{event}'")
            changes = {"id": "delivery", "event_id": "event"}
            copy_rows(cursor, Delivery, changes, "new_deliveries", "original.id = new_deliveries.original")
            changes = {"id": "switera_uuid7()", "delivery_id": "delivery"}
            copy_rows(cursor, Attempt, changes, "new_deliveries", "original.delivery_id = new_deliveries.original")
        cursor.execute("drop table new_events, new_deliveries")
        cursor.execute("set session_replication_role = default")
