"""Emitting over REST: single events with a key of their own, and batches."""

import json

from benchmarks.meter import Meter
from benchmarks.nginx import sink
from benchmarks.product import Product, product
from benchmarks.report import Report
from benchmarks.rest_load import Found, Load, load
from benchmarks.scale import Scale
from benchmarks.seed import ACTOR, DATA, RECEIVER_TYPE, seed_app
from benchmarks.stack import Stack
from events.event_types import create_event_type
from events.models import Event
from switera_webhooks.environments import Environment
from webhooks.api_keys import create_api_key
from webhooks.models import App

UNHEARD = "benchmark.nobody.listens"
CONNECTIONS = 16
BATCH = 100
BATCH_CONNECTIONS = 4
DONE_SECONDS = 120.0


def run(stack: Stack, scale: Scale, report: Report) -> None:
    seconds = scale.pick(2.0, 10.0, 20.0)
    single, p99, heard, batches = [], [], [], []
    with sink([0.0]) as sunk, product(stack, web=True) as running, Meter(stack) as meter:
        app = seed_app(sunk.urls)
        create_event_type(app, UNHEARD, "", None, None, ACTOR)
        _, key = create_api_key(app, Environment.LIVE, ACTOR)
        ask = _Asker(running, app, key)
        ask.single(UNHEARD, 2.0)  # every process has made its connections
        for _ in range(scale.rounds):
            found = ask.single(UNHEARD, seconds)
            single.append(found["answered"] / found["seconds"])
            p99.append(ask.single(UNHEARD, seconds, rate=single[-1] / 2)["p99"])
            found = ask.single(RECEIVER_TYPE.format(0), seconds)
            heard.append(found["answered"] / found["seconds"])
            meter.wait_until_done(DONE_SECONDS)
            found = ask.batches(UNHEARD, seconds)
            batches.append(found["answered"] * BATCH / found["seconds"])
            meter.wait_until_done(DONE_SECONDS)
        report.missing("emit over REST: events on record", ask.emitted, Event.objects.count())
        report.missing("emit over REST: requests answered 202", 0, ask.refused)
    what = "emit over REST, single, keyed"
    note = "worker runs, no endpoint subscribes"
    report.add(what, "requests/s", single, at_least=900, note=note)
    report.add(f"{what}: p99 at half that load", "ms", p99, at_most=50)
    report.add(f"{what}, each delivered to an endpoint besides", "requests/s", heard)
    report.add(f"emit over REST, batches of {BATCH}", "events/s", batches, at_least=8_000, note=note)


class _Asker:
    """Loads one app's REST, and counts what it was promised."""

    def __init__(self, running: Product, app: App, key: str) -> None:
        self._port = running.port
        self._path = f"/api/v1/apps/{app.public_id}/events"
        self._key = key
        self.emitted = 0
        self.refused = 0

    def single(self, event_type: str, seconds: float, rate: float = 0.0) -> Found:
        body = json.dumps({"type": event_type, "data": DATA})
        return self._load(Load(self._port, self._path, self._key, body, True, CONNECTIONS, seconds, rate), 1)

    def batches(self, event_type: str, seconds: float) -> Found:
        body = json.dumps({"events": [{"type": event_type, "data": DATA}] * BATCH})
        asked = Load(self._port, f"{self._path}/batch", self._key, body, False, BATCH_CONNECTIONS, seconds)
        return self._load(asked, BATCH)

    def _load(self, asked: Load, events: int) -> Found:
        found = load(asked)
        self.emitted += found["answered"] * events
        self.refused += found["refused"]
        return found
