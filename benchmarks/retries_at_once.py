"""100,000 endpoints whose million retries come due at one moment: what first attempts notice of it."""

from django.db import connection

from benchmarks.emitter import SLOWER_AT_MOST, emitted
from benchmarks.nginx import sink
from benchmarks.product import product
from benchmarks.report import Report, percentile
from benchmarks.scale import Scale
from benchmarks.seed import EVENT_TYPE, RECEIVER_TYPE, backlog, seed_app, seed_many
from benchmarks.stack import Stack

RECEIVERS = 10
RETRIES_EACH = 10
EVENTS_A_SECOND = 100
TIMES_AT_MOST = 2.0


def run(stack: Stack, scale: Scale, report: Report) -> None:
    endpoints = scale.pick(2_000, 100_000, 100_000)
    seconds = scale.pick(4, 30, 60)
    types = [RECEIVER_TYPE.format(number) for number in range(RECEIVERS)]
    idle, busy = [], []
    for _ in range(scale.long_rounds):
        stack.clean()
        # The retries go to hosts of their own, so that the record is of first attempts.
        with sink([0.0] * RECEIVERS) as retried, sink([0.0] * RECEIVERS, record=True) as sunk:
            many = seed_many(retried.urls, endpoints)
            app = seed_app(sunk.urls).public_id
            backlog(many, RETRIES_EACH, [EVENT_TYPE])
            _postpone(3_600)
            stack.settle()
            with product(stack):
                emitted(stack, sunk, app, 50, 2, types)  # every process has made its connections
                for samples, due_now in ((idle, False), (busy, True)):
                    if due_now:
                        _postpone(0)
                    emission = emitted(stack, sunk, app, EVENTS_A_SECOND, seconds, types)
                    delays = emission.delays_ms(sunk)
                    report.missing("retries at once: first attempts", len(emission.emitted_at), len(delays))
                    if emission.a_second() < EVENTS_A_SECOND * SLOWER_AT_MOST:
                        found = round(emission.a_second())
                        report.missing("retries at once: events offered a second", EVENTS_A_SECOND, found)
                    samples.append(percentile(delays, 0.99))
                report.figures.setdefault("retries left at the end", _left())
    told = f"{endpoints:,} endpoints, {endpoints * RETRIES_EACH:,} retries due at one moment"
    report.add(f"{EVENTS_A_SECOND} first attempts/s, idle system: p99", "ms", idle)
    report.add(f"{EVENTS_A_SECOND} first attempts/s, {told}: p99", "ms", busy, note=f"retries left: {_left():,}")
    times = [with_them / without for with_them, without in zip(busy, idle, strict=True)]
    report.add(f"{told}: p99 of first attempts against idle", "times", times, at_most=TIMES_AT_MOST)


def _postpone(seconds: int) -> None:
    """All that is pending becomes a retry, due so many seconds from now."""
    due = f"clock_timestamp() + interval '{seconds} s'"
    with connection.cursor() as cursor:
        if seconds:
            cursor.execute(
                f"update deliveries_delivery set due_at = {due}, attempt_count = 1, schedule_position = 1 "
                "where status = 'pending'"
            )
            cursor.execute(f"update deliveries_lane set wake_at = {due}, seq = seq + 1 where wake_at is not null")
        else:
            # One moment: the lanes are woken by what is due, which changes nothing of the retries themselves.
            cursor.execute("update deliveries_delivery set due_at = now() where status = 'pending'")
            cursor.execute("update deliveries_lane set wake_at = now(), seq = seq + 1 where wake_at is not null")


def _left() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from deliveries_delivery where status = 'pending'")
        return int(cursor.fetchone()[0])
