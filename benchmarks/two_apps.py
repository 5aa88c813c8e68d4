"""One app emits very many events, another ten: how long the other waits for its ten."""

import time

from benchmarks.meter import Meter, TookTooLong
from benchmarks.nginx import Sink, sink
from benchmarks.product import product
from benchmarks.report import Report
from benchmarks.scale import Scale
from benchmarks.seed import RECEIVER_TYPE, backlog, emit_many, seed_app
from benchmarks.stack import Stack
from webhooks.models import App

ENDPOINTS = 10
TEN = 10
ARRIVE_SECONDS = 60.0
DONE_SECONDS = 180.0


def run(stack: Stack, scale: Scale, report: Report) -> None:
    events = scale.pick(5_000, 100_000, 100_000)
    types = [RECEIVER_TYPE.format(number) for number in range(ENDPOINTS)]
    at_once, later = [], []
    for _ in range(scale.long_rounds):
        stack.clean()
        with sink([0.0] * (ENDPOINTS + 1), record=True) as sunk, product(stack), Meter(stack) as meter:
            many, other = seed_app(sunk.urls[:ENDPOINTS]), seed_app(sunk.urls[ENDPOINTS:])
            emit_many(many, 100, types)
            _ten_ms(other, sunk)  # every process has made its connections
            meter.wait_until_done(ARRIVE_SECONDS)
            # All of it at one moment: nothing of it is fanned out before the ten come.
            backlog(many, events, types, fan_out=False)
            at_once.append(_ten_ms(other, sunk))
            tens = 1
            while meter.work_left():
                later.append(_ten_ms(other, sunk))
                tens += 1
                time.sleep(0.5)
            meter.wait_until_done(DONE_SECONDS)
            report.missing("two apps", events + 100 + TEN * (tens + 1), meter.succeeded())
    told = f"one app emits {events:,} events, another {TEN}"
    report.add(f"{told}: the {TEN} received", "ms", at_once, at_most=1_000)
    if later:
        worst = [max(later)]
        report.add(f"{told} now and then until the many are done: the slowest {TEN}", "ms", worst, at_most=1_000)


def _ten_ms(app: App, sunk: Sink) -> float:
    """Milliseconds from the call to the last receipt. Raises TookTooLong."""
    start = sunk.position()
    at = time.time()
    events = {event.public_id for event in emit_many(app, TEN, [RECEIVER_TYPE.format(0)])}
    until = time.monotonic() + ARRIVE_SECONDS
    while True:
        time.sleep(0.1)
        times = [receipt.at for receipt in sunk.receipts(start) if receipt.event_id in events]
        if len(times) >= TEN:
            return (max(times) - at) * 1_000
        if time.monotonic() > until:
            raise TookTooLong(f"{len(times)} of {TEN} were received after {ARRIVE_SECONDS:.0f} s.")
