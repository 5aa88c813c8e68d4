"""kill -9 of everything in the middle of 5,000 deliveries, and a broker that forgets: what arrives in the end."""

import time
from collections import Counter
from collections.abc import Callable, Mapping

import psutil
import psycopg
import redis
from django.db import connection
from django.db.models import Count

from benchmarks.meter import TookTooLong
from benchmarks.product import product
from benchmarks.receiver_process import Answer
from benchmarks.receivers import receivers
from benchmarks.report import Report, Table, Target
from benchmarks.scale import Scale
from benchmarks.seed import emit_many, seed_app
from benchmarks.stack import Stack
from deliveries.error_codes import ErrorCode
from deliveries.models import Attempt, Delivery, DeliveryStatus

ENDPOINTS = 10
EVENTS = 500
DELIVERIES = EVENTS * ENDPOINTS
KILL_AFTER = 1_500
# Leases run out so much sooner: they last for the wall clock of an attempt and 10 s.
SETTINGS = {"WEBHOOKS_TIMEOUT": "1"}
ARRIVE_SECONDS = 60.0


def run(stack: Stack, scale: Scale, report: Report) -> None:
    with receivers(stack.directory, [Answer.ACCEPT] * ENDPOINTS) as received:
        app = seed_app(received.urls)
        with product(stack, SETTINGS, web=True) as running:
            emit_many(app, EVENTS)
            _wait_until(lambda: received.count() >= KILL_AFTER)
            running.kill()
            _crash_postgresql(stack)
            with redis.Redis.from_url(stack.broker_url) as broker:
                broker.flushall()
        before = received.count()
        left = _statuses()
        with product(stack, SETTINGS, web=True):
            started = time.monotonic()
            _wait_until(lambda: _statuses() == {DeliveryStatus.SUCCEEDED: DELIVERIES})
            seconds = time.monotonic() - started
        arrived = Counter((receipt.receiver, receipt.event_id) for receipt in received.receipts())
    ended = _statuses()
    twice = sum(1 for times in arrived.values() if times > 1)
    counted = Attempt.objects.filter(error_code=ErrorCode.WORKER_LOST).count()
    rows = [
        ("received when all was killed", f"{before:,}"),
        ("on record as succeeded then", f"{left[DeliveryStatus.SUCCEEDED]:,}"),
        ("leased to dead workers then", f"{left[DeliveryStatus.SENDING]:,}"),
        ("seconds from the restart until all had succeeded", f"{seconds:.1f}"),
        ("arrived twice", f"{twice:,}"),
        ("attempts on record as worker_lost", f"{counted:,}"),
    ]
    title = f"kill -9 of web, worker, beat and PostgreSQL within {DELIVERIES:,} deliveries, and FLUSHALL"
    report.tables.append(Table(title, ("", "number"), rows))
    all_succeeded = ended == {DeliveryStatus.SUCCEEDED: DELIVERIES}
    report.targets += [
        Target("killed in the middle", 0 < left[DeliveryStatus.SUCCEEDED] < DELIVERIES, f"after {before:,}"),
        Target("after kill -9 of everything: every delivery succeeded", all_succeeded, str(dict(ended))),
        Target("after kill -9 of everything: every delivery arrived", len(arrived) == DELIVERIES, f"{len(arrived):,}"),
        Target("what arrived twice is on record as worker_lost", twice <= counted, f"{twice} of {counted}"),
    ]
    report.figures = {"received_when_killed": before, "seconds": seconds, "twice": twice, "worker_lost": counted}


def _statuses() -> Mapping[str, int]:
    counted = Delivery.objects.values_list("status").annotate(number=Count("id"))
    return Counter(dict(counted))


def _crash_postgresql(stack: Stack) -> None:
    """Kill one of its processes: it ends all the others, and recovers from its log as after a crash."""
    with psycopg.connect(stack.database_url) as victim:
        psutil.Process(victim.info.backend_pid).kill()
    connection.close()
    _wait_until(lambda: _answers(stack))


def _answers(stack: Stack) -> bool:
    try:
        psycopg.connect(stack.database_url).close()
    except psycopg.OperationalError:
        return False
    return True


def _wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + ARRIVE_SECONDS
    while not holds():
        if time.monotonic() > until:
            raise TookTooLong(f"Deliveries were still under way after {ARRIVE_SECONDS:.0f} s: {dict(_statuses())}.")
        time.sleep(0.02)
