"""From the call of emit() to the request in the receiver's hands, at a trickle and at a steady stream."""

import time

from benchmarks.emitter import emitted
from benchmarks.product import product
from benchmarks.receiver_process import Answer
from benchmarks.receivers import Receivers, receivers
from benchmarks.report import Report, Table, Target, percentile
from benchmarks.seed import RECEIVER_TYPE, seed_app
from benchmarks.stack import Stack

TITLE = "Emit to receipt, an event to one of 10 endpoints in turn"
ENDPOINTS = 10
RATES = (20, 300)  # events a second
SECONDS = 20
ARRIVE_SECONDS = 10.0


def run(stack: Stack) -> Report:
    types = [RECEIVER_TYPE.format(number) for number in range(ENDPOINTS)]
    rows = []
    figures: dict[str, object] = {}
    missing = 0
    with receivers(stack.directory, [Answer.ACCEPT] * ENDPOINTS) as received, product(stack):
        app = seed_app(received.urls).public_id
        emitted(stack, app, 50, 2, types)  # every process has made its connections
        for rate in RATES:
            at = emitted(stack, app, rate, SECONDS, types)
            delays = delays_ms(at, received, len(at))
            missing += len(at) - len(delays)
            p50, p99 = percentile(delays, 0.5), percentile(delays, 0.99)
            figures[f"{rate} a second"] = {"p50_ms": p50, "p99_ms": p99, "most_ms": max(delays)}
            rows.append((f"{rate} a second", f"{len(at):,}", f"{p50:.1f}", f"{p99:.1f}", f"{max(delays):.1f}"))
    return Report(
        tables=[Table(TITLE, ("events", "number", "p50 ms", "p99 ms", "most ms"), rows)],
        targets=[Target("every event received", missing == 0, f"{missing} missing")],
        figures=figures,
    )


def delays_ms(emitted_at: dict[str, float], received: Receivers, expected: int) -> list[float]:
    """How long each of these events took to each receiver's first receipt, once `expected` have come or time is up."""
    until = time.monotonic() + ARRIVE_SECONDS
    while True:
        first: dict[tuple[int, str], float] = {}
        for receipt in received.receipts():
            if receipt.event_id in emitted_at:
                first.setdefault((receipt.receiver, receipt.event_id), receipt.at)
        if len(first) >= expected or time.monotonic() > until:
            return [(at - emitted_at[event]) * 1_000 for (_, event), at in first.items()]
        time.sleep(0.2)
