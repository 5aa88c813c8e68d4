"""The same backlog in other shapes: many endpoints, sinks that take their time, one endpoint alone, TLS."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.meter import Meter
from benchmarks.nginx import Sink, sink
from benchmarks.product import product
from benchmarks.raw_sender import raw_rate
from benchmarks.report import RATE, Report
from benchmarks.scale import Scale
from benchmarks.seed import EVENT_TYPE, RECEIVER_TYPE, backlog, seed_many
from benchmarks.stack import Stack

ROUND_SECONDS = 120.0
# Every second endpoint of LANES takes it besides.
_SECOND = RECEIVER_TYPE.format(0)


@dataclass(frozen=True)
class Shape:
    """`deliveries` are those of a normal run, about; endpoints are paths on so many `hosts`."""

    what: str
    endpoints: int
    deliveries: int
    hosts: int = 10
    delay: float = 0.0
    at_least: float | None = None
    one_or_two: bool = False


SHAPES: Mapping[str, Shape] = {
    "thousand": Shape("1,000 endpoints", 1_000, 20_000, at_least=8_000),
    "hosts": Shape("1,000 endpoints, each a host of its own", 1_000, 20_000, hosts=1_000),
    "lanes": Shape("10,000 lanes with one or two due each", 10_000, 15_000, at_least=7_000, one_or_two=True),
    "sink50": Shape("100 endpoints, sink answers after 50 ms", 100, 20_000, hosts=100, delay=0.05, at_least=6_000),
    "sink500": Shape("100 endpoints, sink answers after 500 ms", 100, 15_000, hosts=100, delay=0.5, at_least=3_000),
    "one": Shape("one endpoint alone, sink answers at once", 1, 15_000, hosts=1, at_least=6_000),
    "one50": Shape("one endpoint alone, sink answers after 50 ms", 1, 5_000, hosts=1, delay=0.05, at_least=1_000),
}
TLS = Shape("10 endpoints", 10, 20_000)
TLS_AT_LEAST = 0.8
CONNECTIONS = {0.05: 512, 0.5: 2_048}


def run(stack: Stack, scale: Scale, report: Report, only: str = "") -> None:
    """`only` is a key of SHAPES, or tls."""
    for key, shape in SHAPES.items():
        if only in ("", key):
            with sink([shape.delay] * shape.hosts) as sunk:
                report.add(shape.what, RATE, _rates(stack, scale, report, shape, sunk), at_least=shape.at_least)
                if shape.endpoints > 1 and (connections := CONNECTIONS.get(shape.delay)):
                    count = scale.pick(5_000, 20_000, 50_000)
                    found = [raw_rate("libcurl", sunk.urls, count, connections) for _ in range(scale.rounds)]
                    note = f"a ceiling: 2 x {connections} requests at once"
                    report.add(f"raw libcurl, sink answers after {shape.delay * 1_000:.0f} ms", RATE, found, note=note)
    if only in ("", "tls"):
        _tls(stack, scale, report)


def _tls(stack: Stack, scale: Scale, report: Report) -> None:
    """Kept-alive connections with and without, one after the other."""
    with sink([0.0] * TLS.hosts) as sunk:
        plain = _rates(stack, scale, report, TLS, sunk)
    with sink([0.0] * TLS.hosts, tls=True) as sunk:
        settings = {"WEBHOOKS_CA_BUNDLE": str(sunk.authority)}
        safe = _rates(stack, scale, report, TLS, sunk, settings)
        count = scale.pick(4_000, 40_000, 100_000)
        raw = [raw_rate("libcurl", sunk.urls, count, 128, sunk.authority) for _ in range(scale.rounds)]
    report.add("10 endpoints, plain", RATE, plain)
    report.add("10 endpoints, TLS kept alive", RATE, safe)
    report.add("raw libcurl, TLS kept alive", RATE, raw, note="a ceiling: no queue, no record")
    times = [one / other for one, other in zip(safe, plain, strict=True)]
    report.add("TLS kept alive against plain", "times", times, at_least=TLS_AT_LEAST)


def _rates(
    stack: Stack,
    scale: Scale,
    report: Report,
    shape: Shape,
    sunk: Sink,
    settings: Mapping[str, str] | None = None,
) -> list[float]:
    """Deliveries a second, a sample a round, after each endpoint has got something."""
    stack.clean()
    app = seed_many(sunk.urls, shape.endpoints)
    types = [EVENT_TYPE]
    if shape.one_or_two:
        types.append(_SECOND)
        app.endpoints.filter(url__regex="[13579]$").update(event_types=[EVENT_TYPE])
        events, deliveries = 2, shape.endpoints * 3 // 2
    else:
        events = max(1, scale.pick(shape.deliveries // 10, shape.deliveries, shape.deliveries * 2) // shape.endpoints)
        deliveries = events * shape.endpoints
    warm_up = -(-500 // shape.endpoints)
    stack.settle()
    found = []
    with product(stack, settings) as running, Meter(stack) as meter:
        backlog(app, warm_up)
        meter.wait_until_done(ROUND_SECONDS)
        for _ in range(scale.rounds):
            backlog(app, events, types)
            found.append(deliveries / meter.measure(running.family("worker"), ROUND_SECONDS).seconds)
        report.missing(shape.what, warm_up * shape.endpoints + scale.rounds * deliveries, meter.succeeded())
    return found
