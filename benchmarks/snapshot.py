"""Somebody's report holds a snapshot open for a minute: what the throughput of a backlog becomes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

from benchmarks.meter import Meter, TookTooLong
from benchmarks.nginx import sink
from benchmarks.product import product
from benchmarks.report import RATE, Report
from benchmarks.scale import Scale
from benchmarks.seed import backlog, seed_app
from benchmarks.stack import Stack

ENDPOINTS = 10
TIMES_AT_LEAST = 0.7
SECONDS = 60.0


def run(stack: Stack, scale: Scale, report: Report) -> None:
    deliveries = scale.pick(5_000, 300_000, 600_000)
    without: list[float] = []
    beside: list[float] = []
    for _ in range(scale.long_rounds):
        for samples, held in ((without, False), (beside, True)):
            stack.clean()
            with sink([0.0] * ENDPOINTS) as sunk, product(stack) as running, Meter(stack) as meter:
                app = seed_app(sunk.urls)
                backlog(app, 50)
                meter.wait_until_done(SECONDS)
                running.pause()
                backlog(app, deliveries // ENDPOINTS)
                stack.settle()
                with _snapshot(stack) if held else _nothing():
                    running.resume()
                    samples.append(_rate(meter, meter.succeeded()))
    told = f"backlog for {SECONDS:.0f} s or {deliveries:,} deliveries"
    report.add(f"{told}, no snapshot open", RATE, without)
    report.add(f"{told}, a snapshot held open", RATE, beside)
    times = [with_it / alone for with_it, alone in zip(beside, without, strict=True)]
    report.add("a snapshot held open against none", "times", times, at_least=TIMES_AT_LEAST)


def _rate(meter: Meter, before: int) -> float:
    """Deliveries a second for a minute, or until there are no more. What is counted has succeeded."""
    started = time.monotonic()
    with suppress(TookTooLong):
        meter.wait_until_done(SECONDS)
    seconds = time.monotonic() - started
    return (meter.succeeded() - before) / seconds


@contextmanager
def _snapshot(stack: Stack) -> Iterator[None]:
    """A transaction that has read something, as a dump or a long report does."""
    with psycopg.connect(stack.database_url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("select count(*) from webhooks_app")
        yield


@contextmanager
def _nothing() -> Iterator[None]:
    yield
