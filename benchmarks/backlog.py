"""Deliveries a second from a backlog to 10 endpoints, beside other ways to send as many, and what each costs."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from benchmarks import one_task_a_delivery
from benchmarks.meter import Meter, Usage
from benchmarks.nginx import sink
from benchmarks.processes import Processes
from benchmarks.product import product, worker_command
from benchmarks.raw_sender import OUR_LIBCURL, OUR_REQUESTS, raw_rate
from benchmarks.report import RATE, Report, Table
from benchmarks.rival.measure import Rival
from benchmarks.scale import Scale
from benchmarks.seed import backlog, seed_app
from benchmarks.stack import Stack
from deliveries.models import Delivery, DeliveryStatus, Lane
from webhooks.models import App

ENDPOINTS = 10
WARM_UP = 500
ROUND_SECONDS = 120.0

ENGINE = "backlog, 10 endpoints, libcurl"
FAN_OUT_TOO = "the same, fan-out of the events included"
REQUESTS = "backlog, 10 endpoints, requests"
TASKS = "one task a delivery"
RIVAL = "django-webhook 0.0.15"
RAW_REQUESTS = "raw requests, a Session in each of 2 processes"
RAW_LIBCURL = "raw libcurl, 2 processes"
SENDER_REQUESTS = "the requests sender alone, 2 processes"
SENDER_LIBCURL = "the libcurl sender alone, 2 processes"

_STAGED = "staged"


def run(stack: Stack, scale: Scale, report: Report) -> None:
    by_engine, by_requests = scale.pick(2_000, 20_000, 50_000), scale.pick(1_000, 10_000, 20_000)
    by_tasks = scale.pick(300, 1_500, 3_000)
    numbers = {ENGINE: by_engine, FAN_OUT_TOO: by_engine, REQUESTS: by_requests, TASKS: by_tasks}
    usages: dict[str, list[Usage]] = defaultdict(list)
    raw: dict[str, list[float]] = defaultdict(list)
    rival_rates: list[float] = []
    with sink([0.0] * ENDPOINTS) as sunk, Meter(stack) as meter:
        rival = Rival(stack, sunk.urls)
        # In turns, so that whatever else the machine does meets all of them.
        for _ in range(scale.rounds):
            stack.clean()
            app = seed_app(sunk.urls)
            with product(stack) as running:
                _warm_up(app, running, meter)
                for name in (ENGINE, FAN_OUT_TOO):
                    backlog(app, by_engine // ENDPOINTS, fan_out=name == ENGINE)
                    usages[name].append(meter.measure(running.family("worker"), ROUND_SECONDS))
            stack.settle()
            with product(stack, {"WEBHOOKS_TRANSPORT": "requests"}) as running:
                _warm_up(app, running, meter)
                backlog(app, by_requests // ENDPOINTS)
                usages[REQUESTS].append(meter.measure(running.family("worker"), ROUND_SECONDS))
            stack.settle()
            with _task_worker(stack) as running:
                for number in (WARM_UP // 5, by_tasks):
                    _hand_over_tasks(stack, app, number)
                    usage = meter.measure(running.family("worker"), ROUND_SECONDS)
                usages[TASKS].append(usage)
            rival_rates.append(rival.rate(by_tasks))
            raw[RAW_REQUESTS].append(raw_rate("requests", sunk.urls, by_requests))
            raw[RAW_LIBCURL].append(raw_rate("libcurl", sunk.urls, by_engine * 2, 128))
            raw[SENDER_REQUESTS].append(raw_rate(OUR_REQUESTS, sunk.urls, by_requests))
            raw[SENDER_LIBCURL].append(raw_rate(OUR_LIBCURL, sunk.urls, by_engine * 2))
            expected = 2 * WARM_UP + WARM_UP // 5 + sum(numbers.values())
            report.missing("backlog, 10 endpoints", expected, meter.succeeded())
    rates = {name: [numbers[name] / usage.seconds for usage in found] for name, found in usages.items()}
    times = [engine / tasks for engine, tasks in zip(rates[ENGINE], rates[TASKS], strict=True)]
    report.add(ENGINE, RATE, rates[ENGINE], at_least=10_000)
    report.add("the same against one task a delivery", "times", times, at_least=30)
    report.add(FAN_OUT_TOO, RATE, rates[FAN_OUT_TOO])
    report.add(REQUESTS, RATE, rates[REQUESTS], at_least=2_000)
    statements = [usage.statements / by_engine for usage in usages[ENGINE]]
    report.add("SQL statements a delivery, from a backlog", "statements", statements, at_most=0.03)
    report.add(TASKS, RATE, rates[TASKS], note="the baseline")
    report.add(RIVAL, RATE, rival_rates, note="no lease, no address guard, no wall clock")
    for name, found in raw.items():
        report.add(name, RATE, found, note="a ceiling: no queue, no record")
    senders = [ours / other for ours, other in zip(raw[SENDER_LIBCURL], raw[SENDER_REQUESTS], strict=True)]
    report.add("the senders alone: libcurl against requests", "times", senders, at_least=4)
    _tell_costs(report, numbers, usages)


def _tell_costs(report: Report, numbers: dict[str, int], usages: dict[str, list[Usage]]) -> None:
    rows = []
    for name, found in usages.items():
        worker, postgresql, statements = (
            sorted(getattr(usage, cost) / numbers[name] for usage in found)[len(found) // 2]
            for cost in ("worker_cpu", "postgresql_cpu", "statements")
        )
        rows.append((name, f"{worker * 1_000:.3f}", f"{postgresql * 1_000:.3f}", f"{statements:.3f}"))
        report.figures[name] = {"worker_cpu_ms": worker * 1_000, "postgresql_cpu_ms": postgresql * 1_000}
    headings = ("", "worker CPU ms", "PostgreSQL CPU ms", "SQL statements")
    report.tables.append(Table("What a delivery costs", headings, rows))


def _warm_up(app: App, running: Processes, meter: Meter) -> None:
    """Every process has made its connections, and knows the endpoints."""
    backlog(app, WARM_UP // ENDPOINTS, fan_out=False)
    meter.measure(running.family("worker"), ROUND_SECONDS)


def _hand_over_tasks(stack: Stack, app: App, deliveries: int) -> None:
    """Put a task for each delivery into the broker, and then give all of them to the worker at once."""
    backlog(app, deliveries // ENDPOINTS)
    # Out of sight of the engine.
    Lane.objects.update(fresh_from=None)
    for key in Delivery.objects.filter(status=DeliveryStatus.PENDING).values_list("pk", flat=True):
        one_task_a_delivery.deliver.apply_async((str(key),), queue=_STAGED)
    with redis.Redis.from_url(stack.broker_url) as broker:
        broker.rename(_STAGED, one_task_a_delivery.QUEUE)


@contextmanager
def _task_worker(stack: Stack) -> Iterator[Processes]:
    name = "benchmarks.one_task_a_delivery"
    running = Processes({"worker": worker_command(name, prefetch=4)}, stack.directory, stack.environment)
    try:
        running.start()
        running.wait_for("worker", lambda: bool(one_task_a_delivery.app.control.ping(timeout=0.2)))
        yield running
    finally:
        running.kill()
