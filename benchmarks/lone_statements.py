"""SQL statements of a lone event, from emit() until its delivery is on record, beyond those of an idle system."""

import time
from collections.abc import Mapping

from benchmarks.meter import Meter
from benchmarks.nginx import sink
from benchmarks.product import product
from benchmarks.report import Report, Table
from benchmarks.scale import Scale
from benchmarks.seed import DATA, RECEIVER_TYPE, seed_app
from benchmarks.stack import Stack
from events.emit import emit

# Longer than a drain lingers, and than the sweep's turn.
APART_SECONDS = 1.0
TOLD = 12
# A statement that comes with less than every second event comes with the clock: the counts that pages read, the sweep.
EVERY_OTHER = 0.5
# How a drain asks whether there is work, once and again before it ends.
_LOOK = "select exists"


def run(stack: Stack, scale: Scale, report: Report) -> None:
    events = scale.pick(5, 15, 30)
    samples = []
    with sink([0.0]) as sunk, product(stack), Meter(stack) as meter:
        app = seed_app(sunk.urls)
        for _ in range(3):  # every process has made its connections
            emit(app, RECEIVER_TYPE.format(0), DATA)
            time.sleep(APART_SECONDS)
        for _ in range(scale.rounds):
            idle = _statements(meter, lambda: None, events)
            busy = _statements(meter, lambda: emit(app, RECEIVER_TYPE.format(0), DATA), events)
            beyond = {query: (calls - idle.get(query, 0)) / events for query, calls in busy.items()}
            samples.append(sum(calls for calls in beyond.values() if calls >= EVERY_OTHER))
        report.missing("lone deliveries", 3 + scale.rounds * events, meter.succeeded())
    looks = sum(calls for query, calls in beyond.items() if query.startswith(_LOOK))
    note = f"{looks:.0f} of them look for work"
    report.add("SQL statements a delivery, a lone one", "statements", samples, at_most=6, note=note)
    most = sorted(beyond.items(), key=lambda item: -item[1])[:TOLD]
    rows = [(f"{calls:.2f}", query[:100]) for query, calls in most]
    report.tables.append(Table("Statements of a lone delivery, beyond those of an idle system", ("", ""), rows))
    report.figures["a lone delivery"] = dict(most)


def _statements(meter: Meter, action: object, times: int) -> Mapping[str, int]:
    assert callable(action)
    meter.forget_statements()
    started = time.monotonic()
    for number in range(times):
        action()
        time.sleep(max(0.0, started + (number + 1) * APART_SECONDS - time.monotonic()))
    return meter.statements()
