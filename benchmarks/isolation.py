"""One of ten receivers accepts connections and never answers: what the other nine notice of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.emitter import emitted
from benchmarks.latency import delays_ms
from benchmarks.product import product
from benchmarks.receiver_process import Answer
from benchmarks.receivers import receivers
from benchmarks.report import Report, Table, Target, percentile
from benchmarks.seed import RECEIVER_TYPE, seed_app
from benchmarks.stack import Stack

HEALTHY = 9
EVENTS_A_SECOND = 200
# Shorter runs flatter: the backlog of the silent one has to grow.
SECONDS = 60
SECONDS_WITHOUT = 30
# With a silent receiver, p99 of the others may be so many times what it is without.
TIMES_AT_MOST = 5.0


@dataclass(frozen=True)
class Measured:
    """What the healthy receivers got; delays in milliseconds."""

    expected: int
    delays: Sequence[float]

    @property
    def undelivered(self) -> int:
        return self.expected - len(self.delays)

    @property
    def p99(self) -> float:
        return percentile(self.delays, 0.99)


def run(stack: Stack) -> Report:
    alone = _measure(stack, Answer.ACCEPT, SECONDS_WITHOUT)
    beside = _measure(stack, Answer.SILENT, SECONDS)
    rows = [
        (
            name,
            f"{measured.expected:,}",
            f"{percentile(measured.delays, 0.5):.1f}",
            f"{measured.p99:.1f}",
            f"{max(measured.delays):.1f}",
            str(measured.undelivered),
        )
        for name, measured in (("without a silent one", alone), ("with a silent one", beside))
    ]
    return Report(
        tables=[
            Table(
                f"{HEALTHY} healthy receivers of {HEALTHY + 1}, {EVENTS_A_SECOND} events a second to each in turn",
                ("", "deliveries", "p50 ms", "p99 ms", "most ms", "undelivered"),
                rows,
            )
        ],
        targets=[
            Target("nothing undelivered", not (alone.undelivered or beside.undelivered), str(beside.undelivered)),
            Target(
                f"p99 with a silent one at most {TIMES_AT_MOST:g} times that without",
                beside.p99 <= TIMES_AT_MOST * alone.p99,
                f"{beside.p99 / alone.p99:.1f}",
            ),
        ],
        figures={
            "without": {"p99_ms": alone.p99, "undelivered": alone.undelivered, "deliveries": alone.expected},
            "with": {"p99_ms": beside.p99, "undelivered": beside.undelivered, "deliveries": beside.expected},
        },
    )


def _measure(stack: Stack, tenth: Answer, seconds: int) -> Measured:
    types = [RECEIVER_TYPE.format(number) for number in range(HEALTHY + 1)]
    # The receivers end first, so that the product needs not wait for the silent one.
    with product(stack), receivers(stack.directory, [*[Answer.ACCEPT] * HEALTHY, tenth]) as received:
        app = seed_app(received.urls).public_id
        emitted(stack, app, 50, 2, types[:HEALTHY])  # every process has made its connections
        at = emitted(stack, app, EVENTS_A_SECOND, seconds, types)
        # In the order of the types, which took turns.
        healthy = {event: when for number, (event, when) in enumerate(at.items()) if number % len(types) < HEALTHY}
        return Measured(len(healthy), delays_ms(healthy, received, len(healthy)))
