"""From the call of emit() to the request at the receiver: a trickle, a steady stream, and one near the limit."""

from dataclasses import dataclass

from benchmarks.emitter import SLOWER_AT_MOST, emitted
from benchmarks.nginx import sink
from benchmarks.product import product
from benchmarks.report import Report, percentile
from benchmarks.scale import Scale
from benchmarks.seed import RECEIVER_TYPE, seed_app
from benchmarks.stack import Stack

ENDPOINTS = 10


@dataclass(frozen=True)
class Offer:
    """So many events a second, so many in one call; seconds of a quick, a normal and a full run; targets in ms."""

    rate: int
    batch: int
    seconds: tuple[float, float, float]
    p50: float | None = None
    p99: float | None = None


OFFERS = (
    Offer(20, 1, (3, 20, 30)),
    Offer(1_000, 10, (3, 30, 60), p50=6, p99=20),
    Offer(2_500, 10, (3, 60, 60), p99=100),
)


def run(stack: Stack, scale: Scale, report: Report) -> None:
    types = [RECEIVER_TYPE.format(number) for number in range(ENDPOINTS)]
    for offer in OFFERS:
        p50, p99, most = [], [], []
        for _ in range(scale.long_rounds):
            stack.clean()
            with sink([0.0] * ENDPOINTS, record=True) as sunk, product(stack):
                app = seed_app(sunk.urls).public_id
                emitted(stack, sunk, app, 50, 2, types)  # every process has made its connections
                emission = emitted(stack, sunk, app, offer.rate, scale.pick(*offer.seconds), types, offer.batch)
                delays = emission.delays_ms(sunk)
            told = f"emit to receipt, {offer.rate:,} events/s in calls of {offer.batch}"
            report.missing(told, len(emission.emitted_at), len(delays))
            if emission.a_second() < offer.rate * SLOWER_AT_MOST:
                report.missing(f"{told}: events offered a second", offer.rate, round(emission.a_second()))
            p50.append(percentile(delays, 0.5))
            p99.append(percentile(delays, 0.99))
            most.append(max(delays))
        report.add(f"{told}: p50", "ms", p50, at_most=offer.p50)
        report.add(f"{told}: p99", "ms", p99, at_most=offer.p99, note=f"most {max(most):,.0f} ms")
