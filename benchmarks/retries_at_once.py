"""100,000 endpoints whose million retries come due at one moment: what first attempts notice of it."""

import time
from datetime import UTC, datetime

from django.db.models import F

from benchmarks.emitter import SLOWER_AT_MOST, emitted
from benchmarks.meter import TookTooLong
from benchmarks.nginx import sink
from benchmarks.product import product
from benchmarks.report import Report, percentile
from benchmarks.scale import Scale
from benchmarks.seed import RECEIVER_TYPE, backlog, seed_app, seed_many
from benchmarks.stack import Stack
from deliveries.models import Delivery, DeliveryStatus, Lane
from deliveries.models.delivery import Turn

RECEIVERS = 10
RETRIES_EACH = 10
EVENTS_A_SECOND = 100
TIMES_AT_MOST = 2.0


def run(stack: Stack, scale: Scale, report: Report) -> None:
    endpoints = scale.pick(2_000, 100_000, 100_000)
    seconds = scale.pick(4, 30, 60)
    types = [RECEIVER_TYPE.format(number) for number in range(RECEIVERS)]
    idle: list[float] = []
    busy: list[float] = []
    left = 0
    for _ in range(scale.long_rounds):
        stack.clean()
        # The retries go to hosts of their own, so that the record is of first attempts.
        with sink([0.0] * RECEIVERS) as retried, sink([0.0] * RECEIVERS, record=True) as sunk:
            many = seed_many(retried.urls, endpoints)
            app = seed_app(sunk.urls).public_id
            backlog(many, RETRIES_EACH)
            due = time.time() + scale.pick(20, 90, 90) + seconds
            _become_retries(due)
            stack.settle()
            with product(stack):
                emitted(stack, sunk, app, 50, 2, types)  # every process has made its connections
                for samples in (idle, busy):
                    emission = emitted(stack, sunk, app, EVENTS_A_SECOND, seconds, types)
                    delays = emission.delays_ms(sunk)
                    report.missing("retries at once: first attempts", len(emission.emitted_at), len(delays))
                    if emission.a_second() < EVENTS_A_SECOND * SLOWER_AT_MOST:
                        found = round(emission.a_second())
                        report.missing("retries at once: events offered a second", EVENTS_A_SECOND, found)
                    samples.append(percentile(delays, 0.99))
                    if samples is idle:
                        if time.time() > due:
                            raise TookTooLong("The retries came due before the idle system was measured.")
                        time.sleep(due - time.time())
                left = Delivery.objects.filter(status=DeliveryStatus.PENDING).count()
    told = f"{endpoints:,} endpoints, {endpoints * RETRIES_EACH:,} retries due at one moment"
    report.add(f"{EVENTS_A_SECOND} first attempts/s, idle system: p99", "ms", idle)
    report.add(f"{EVENTS_A_SECOND} first attempts/s, {told}: p99", "ms", busy, note=f"retries left: {left:,}")
    times = [with_them / without for with_them, without in zip(busy, idle, strict=True)]
    report.add(f"{told}: p99 of first attempts against idle", "times", times, at_most=TIMES_AT_MOST)


def _become_retries(due: float) -> None:
    """All that is pending has failed once, and is due again at this moment, in seconds since 1970."""
    at = datetime.fromtimestamp(due, UTC)
    pending = Delivery.objects.filter(status=DeliveryStatus.PENDING)
    pending.update(due_at=at, attempt_count=1, schedule_position=1, turn=Turn.RETRY)
    Lane.objects.exclude(fresh_from=None).update(fresh_from=None, retry_from=at, seq=F("seq") + 1)
