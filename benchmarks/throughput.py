"""Deliveries a second from a backlog, by the engine and by one task a delivery, and what each costs."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import redis
from django.db import transaction

from benchmarks import one_task_a_delivery
from benchmarks.meter import Meter, Usage
from benchmarks.processes import Processes
from benchmarks.product import WORKER_PROCESSES, product, worker_command
from benchmarks.receivers import sink, sink_name
from benchmarks.report import Report, Table, Target
from benchmarks.seed import emit_many, seed_app
from benchmarks.stack import Stack
from deliveries.engine.statements import statements
from deliveries.models import Delivery, DeliveryStatus, Lane
from webhooks.models import App

TITLE = "Deliveries a second from a backlog"
ENDPOINTS = 10
ROUNDS = 3
BY_ENGINE = 10_000
BY_TASKS = 1_500
WARM_UP = 500
AT_LEAST_TIMES = 6.0
STATEMENTS_AT_MOST = 0.1
ROUND_SECONDS = 120.0

ENGINE = "engine"
FAN_OUT_TOO = "engine, fan-out included"
REQUESTS = "engine, requests"
TASKS = "one task a delivery"
DELIVERIES = {ENGINE: BY_ENGINE, FAN_OUT_TOO: BY_ENGINE, REQUESTS: BY_ENGINE, TASKS: BY_TASKS}

_STAGED = "staged"


def run(stack: Stack) -> Report:
    measured: dict[str, list[Usage]] = {name: [] for name in DELIVERIES}
    with sink(stack.directory, ENDPOINTS) as urls, Meter(stack) as meter:
        app = seed_app(urls)
        # In turns, so that whatever else the machine does meets all of them.
        for _ in range(ROUNDS):
            with product(stack) as running:
                _warm_up(app, running, meter)
                for name, fan_out in ((ENGINE, True), (FAN_OUT_TOO, False)):
                    _emit(app, BY_ENGINE, fan_out=fan_out)
                    measured[name].append(meter.measure(running.family("worker"), ROUND_SECONDS))
            with product(stack, {"WEBHOOKS_TRANSPORT": "requests"}) as running:
                _warm_up(app, running, meter)
                _emit(app, BY_ENGINE, fan_out=True)
                measured[REQUESTS].append(meter.measure(running.family("worker"), ROUND_SECONDS))
            with _task_worker(stack) as running:
                for deliveries in (WARM_UP, BY_TASKS):
                    _hand_over_tasks(stack, app, deliveries)
                    usage = meter.measure(running.family("worker"), ROUND_SECONDS)
                measured[TASKS].append(usage)
    unsent = Delivery.objects.exclude(status=DeliveryStatus.SUCCEEDED, response_status=204).count()
    return _report(measured, unsent)


def _report(measured: Mapping[str, Sequence[Usage]], unsent: int) -> Report:
    rows = []
    figures: dict[str, dict[str, float]] = {}
    for name, usages in measured.items():
        deliveries = DELIVERIES[name]
        by_speed = sorted(deliveries / usage.seconds for usage in usages)
        figures[name] = {
            "deliveries_a_second": statistics.median(by_speed),
            "worker_cpu_ms": statistics.median(usage.worker_cpu for usage in usages) / deliveries * 1_000,
            "postgresql_cpu_ms": statistics.median(usage.postgresql_cpu for usage in usages) / deliveries * 1_000,
            "statements": statistics.median(usage.statements for usage in usages) / deliveries,
            "claimed_at_once": statistics.median(usage.claimed for usage in usages),
        }
        found = figures[name]
        rows.append(
            (
                name,
                f"{found['deliveries_a_second']:,.0f}",
                f"{by_speed[0]:,.0f} to {by_speed[-1]:,.0f}",
                f"{found['worker_cpu_ms']:.2f}",
                f"{found['postgresql_cpu_ms']:.2f}",
                f"{found['statements']:.3f}",
                f"{found['claimed_at_once']:.0f}" if found["claimed_at_once"] else "",
            )
        )
    engine, tasks = figures[ENGINE], figures[TASKS]
    times = engine["deliveries_a_second"] / tasks["deliveries_a_second"]
    title = f"{TITLE}: {ENDPOINTS} endpoints, bodies of 1 KiB, {WORKER_PROCESSES} worker processes, sink: {sink_name()}"
    headings = ("", "a second", f"of {ROUNDS} rounds", "worker CPU ms", "PostgreSQL CPU ms", "statements", "a claim")
    return Report(
        tables=[Table(title, headings, rows)],
        targets=[
            Target(f"at least {AT_LEAST_TIMES:g} times one task a delivery", times >= AT_LEAST_TIMES, f"{times:.1f}"),
            Target(
                f"SQL statements a delivery at most {STATEMENTS_AT_MOST:g}",
                engine["statements"] <= STATEMENTS_AT_MOST,
                f"{engine['statements']:.3f}",
            ),
            Target("all deliveries succeeded", unsent == 0, f"{unsent} did not"),
        ],
        figures={**figures, "times": times},
    )


def _warm_up(app: App, running: Processes, meter: Meter) -> None:
    """Every process has made its connections, and knows the endpoints."""
    _emit(app, WARM_UP, fan_out=False)
    meter.measure(running.family("worker"), ROUND_SECONDS)


def _emit(app: App, deliveries: int, *, fan_out: bool) -> None:
    """All of it becomes visible to the workers at once."""
    with transaction.atomic():
        emit_many(app, deliveries // ENDPOINTS)
        while fan_out and statements().fan_out(100):
            pass


def _hand_over_tasks(stack: Stack, app: App, deliveries: int) -> None:
    """Put a task for each delivery into the broker, and then give all of them to the worker at once."""
    _emit(app, deliveries, fan_out=True)
    # Out of sight of the engine.
    Lane.objects.update(fresh_from=None)
    for key in Delivery.objects.filter(status=DeliveryStatus.PENDING).values_list("pk", flat=True):
        one_task_a_delivery.deliver.apply_async((str(key),), queue=_STAGED)
    with redis.Redis.from_url(stack.broker_url) as broker:
        broker.rename(_STAGED, one_task_a_delivery.QUEUE)


@contextmanager
def _task_worker(stack: Stack) -> Iterator[Processes]:
    name = "benchmarks.one_task_a_delivery"
    running = Processes({"worker": worker_command(name)}, stack.directory, stack.environment)
    try:
        running.start()
        running.wait_for("worker", lambda: bool(one_task_a_delivery.app.control.ping(timeout=0.2)))
        yield running
    finally:
        running.kill()
