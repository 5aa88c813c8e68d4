"""Of ten receivers one or three take requests and never answer: what the others notice of it."""

from benchmarks.emitter import SLOWER_AT_MOST, emitted
from benchmarks.nginx import SILENT, sink
from benchmarks.product import product
from benchmarks.report import Report, percentile
from benchmarks.scale import Scale
from benchmarks.seed import RECEIVER_TYPE, seed_app
from benchmarks.stack import Stack

RECEIVERS = 10
HANGING = (0, 1, 3)
EVENTS_A_SECOND = 400
# One by one, emitting alone would take most of a core.
BATCH = 4
TIMES_AT_MOST = 1.5


def run(stack: Stack, scale: Scale, report: Report) -> None:
    # Shorter runs flatter: the backlog of the silent ones has to grow, and their first wall clocks to run out.
    seconds = scale.pick(5, 60, 90)
    p99: dict[int, list[float]] = {hanging: [] for hanging in HANGING}
    undelivered = dict.fromkeys(HANGING, 0)
    for _ in range(scale.long_rounds):
        for hanging in HANGING:
            delays, expected = _delays(stack, report, hanging, seconds)
            p99[hanging].append(percentile(delays, 0.99))
            undelivered[hanging] += expected - len(delays)
    for hanging in HANGING:
        told = f"{hanging} of {RECEIVERS} hang, {EVENTS_A_SECOND} events/s, {seconds} s"
        report.add(f"{told}: p99 of the others", "ms", p99[hanging])
        if hanging:
            times = [with_them / without for with_them, without in zip(p99[hanging], p99[0], strict=True)]
            report.add(f"{told}: against none that hangs", "times", times, at_most=TIMES_AT_MOST)
        report.add(f"{told}: undelivered of the others", "events", [undelivered[hanging]], at_most=0)


def _delays(stack: Stack, report: Report, hanging: int, seconds: int) -> tuple[list[float], int]:
    """Milliseconds of what the healthy ones received, and how much that should be."""
    healthy = RECEIVERS - hanging
    types = [RECEIVER_TYPE.format(number) for number in range(RECEIVERS)]
    stack.clean()
    # The receivers end first, so that the product needs not wait for the silent ones.
    with product(stack), sink([0.0] * healthy + [SILENT] * hanging, record=True) as sunk:
        app = seed_app(sunk.urls).public_id
        emitted(stack, sunk, app, 50, 2, types[:healthy])  # every process has made its connections
        emission = emitted(stack, sunk, app, EVENTS_A_SECOND, seconds, types, BATCH)
        if emission.a_second() < EVENTS_A_SECOND * SLOWER_AT_MOST:
            report.missing("isolation: events offered a second", EVENTS_A_SECOND, round(emission.a_second()))
        return emission.delays_ms(sunk, range(healthy)), EVENTS_A_SECOND * seconds * healthy // RECEIVERS
