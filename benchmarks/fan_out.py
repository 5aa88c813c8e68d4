"""One event to 1,000 endpoints: how soon the first receives it, and the last."""

import time

from benchmarks.meter import TookTooLong
from benchmarks.nginx import Sink, sink
from benchmarks.product import product
from benchmarks.report import Report
from benchmarks.scale import Scale
from benchmarks.seed import DATA, EVENT_TYPE, seed_many
from benchmarks.stack import Stack
from events.emit import emit
from webhooks.models import App

ENDPOINTS = 1_000
ARRIVE_SECONDS = 10.0
# The drains have gone to rest by then, the connections are still open.
APART_SECONDS = 1.0


def run(stack: Stack, scale: Scale, report: Report) -> None:
    for hosts in (10, ENDPOINTS):
        told = f"1 event to {ENDPOINTS:,} endpoints" + (", each a host of its own" if hosts == ENDPOINTS else "")
        stack.clean()
        with sink([0.0] * hosts, record=True) as sunk, product(stack):
            app = seed_many(sunk.urls, ENDPOINTS)
            stack.settle()
            for _ in range(2):  # every process has made its connections
                _measure(app, sunk)
            samples = [_measure(app, sunk) for _ in range(scale.pick(3, 10, 25))]
        targets = (100, 500) if hosts != ENDPOINTS else (None, None)
        report.add(f"{told}: first received after emit", "ms", [first for first, _ in samples], at_most=targets[0])
        report.add(f"{told}: all received after emit", "ms", [last for _, last in samples], at_most=targets[1])


def _measure(app: App, sunk: Sink) -> tuple[float, float]:
    """Milliseconds from the call of emit() to the first and the last receipt. Raises TookTooLong."""
    start = sunk.position()
    at = time.time()
    event = emit(app, EVENT_TYPE, DATA).public_id
    until = time.monotonic() + ARRIVE_SECONDS
    while True:
        time.sleep(APART_SECONDS)
        times = [receipt.at for receipt in sunk.receipts(start) if receipt.event_id == event]
        if len(times) == ENDPOINTS:
            return (min(times) - at) * 1_000, (max(times) - at) * 1_000
        if time.monotonic() > until:
            raise TookTooLong(f"{len(times)} of {ENDPOINTS} were received after {ARRIVE_SECONDS:.0f} s.")
