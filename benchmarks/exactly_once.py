"""Events emitted over REST, in one batch and one by one: each is to arrive at each endpoint, and once."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.product import product
from benchmarks.receiver_process import Answer
from benchmarks.receivers import Receivers, receivers
from benchmarks.report import Report, Table, Target
from benchmarks.rest import Client
from benchmarks.scale import Scale
from benchmarks.stack import Stack, sqlite

EVENTS = 1_000
ENDPOINTS = 3
EVENT = {"type": "order.paid", "data": {"text": "x" * 768}}
ARRIVE_SECONDS = 90.0
# After the last that is expected: one too many would come within this.
SETTLE_SECONDS = 2.0


@dataclass(frozen=True)
class Arrivals:
    """What became of some events: requests received, and distinct pairs of event and endpoint among them."""

    emitted: int
    received: int
    pairs: int
    seconds: float

    @property
    def exact(self) -> bool:
        return self.received == self.pairs == self.emitted * ENDPOINTS


def run(stack: Stack, scale: Scale, report: Report) -> None:
    rows: list[Sequence[str]] = []
    with sqlite() as embedded:
        for name, each in (("SQLite, embedded", embedded), ("PostgreSQL, Redis", stack)):
            arrivals, ended = _measure(each, scale.pick(50, EVENTS, EVENTS))
            for how, found in arrivals.items():
                told = f"{ended[how]:,}"
                rows.append((name, how, f"{found.received:,}", f"{found.pairs:,}", f"{found.seconds:.1f}", told))
                report.targets.append(
                    Target(
                        f"{name}, {how}: each pair once, each delivery succeeded in one attempt",
                        found.exact and ended[how] == found.emitted * ENDPOINTS,
                        f"{found.pairs:,} pairs in {found.received:,} requests",
                    )
                )
                report.figures[f"{name}, {how}"] = {**vars(found), "succeeded_in_one_attempt": ended[how]}
    title = f"Events in one batch and one by one, over REST, to {ENDPOINTS} endpoints each"
    headings = ("", "", "received", "distinct", "seconds", "succeeded in one attempt")
    report.tables.append(Table(title, headings, rows))


def _measure(stack: Stack, events: int) -> tuple[dict[str, Arrivals], Counter[str]]:
    """What arrived, and how many deliveries the product says succeeded in one attempt, by how they were emitted."""
    created = json.loads(stack.manage("create_app", "Benchmark", "--json"))
    emitted: dict[str, set[str]] = {}
    arrivals: dict[str, Arrivals] = {}
    with (
        receivers(stack.directory, [Answer.ACCEPT] * ENDPOINTS) as received,
        product(stack, web=True) as running,
        Client(running.api, created["app"]["id"], created["keys"]["live"]) as client,
    ):
        client.post("event-types", {"name": EVENT["type"]})
        for url in received.urls:
            client.post("endpoints", {"url": url, "event_types": [EVENT["type"]]})
        for how in ("one batch", "one by one"):
            started = time.monotonic()
            if how == "one batch":
                answers = client.post("events/batch", {"events": [EVENT] * events})["events"]
            else:
                answers = [client.post("events", EVENT) for _ in range(events)]
            emitted[how] = {answer["id"] for answer in answers}
            arrivals[how] = _arrivals(received, emitted[how], started)
        ended: Counter[str] = Counter()
        for delivery in client.items("deliveries"):
            if delivery["status"] == "succeeded" and delivery["attempt_count"] == 1:
                ended.update(how for how, events in emitted.items() if delivery["event_id"] in events)
    return arrivals, ended


def _arrivals(received: Receivers, events: set[str], started: float) -> Arrivals:
    """Wait for the last of them, and a moment for what should not come."""
    while True:
        pairs = [(one.receiver, one.event_id) for one in received.receipts() if one.event_id in events]
        if len(pairs) >= len(events) * ENDPOINTS or time.monotonic() - started > ARRIVE_SECONDS:
            break
        time.sleep(0.1)
    seconds = time.monotonic() - started
    time.sleep(SETTLE_SECONDS)
    pairs = [(one.receiver, one.event_id) for one in received.receipts() if one.event_id in events]
    return Arrivals(len(events), len(pairs), len(set(pairs)), seconds)
