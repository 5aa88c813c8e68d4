"""Rows to measure with, made by the product's own functions. Needs Django on the stack (Stack.use_here)."""

from collections.abc import Sequence

from deliveries.endpoints import EndpointFields, create_endpoint
from events.emit import MAX_BATCH, EmitRequest, emit_batch
from events.event_types import create_event_type
from events.models import Event
from switera_webhooks.environments import Environment
from webhooks.app_setup import create_app
from webhooks.audit import Actor
from webhooks.models import App

EVENT_TYPE = "benchmark.item.made"
# Each receiver has a type of its own besides: an event of it has one delivery.
RECEIVER_TYPE = "benchmark.receiver_{}.called"
# With the envelope around it, a body of 1 KiB.
DATA = {"text": "x" * 768}

_ACTOR = Actor.of_command("benchmarks")


def seed_app(urls: Sequence[str]) -> App:
    """An app with an endpoint for each URL, which takes EVENT_TYPE and the receiver's own type."""
    app = create_app("Benchmark", actor=_ACTOR).app
    types = [RECEIVER_TYPE.format(number) for number in range(len(urls))]
    for name in [EVENT_TYPE, *types]:
        create_event_type(app, name, "", None, None, _ACTOR)
    for url, name in zip(urls, types, strict=True):
        create_endpoint(app, Environment.LIVE, EndpointFields(url, [EVENT_TYPE, name]), _ACTOR)
    return app


def emit_many(app: App, number: int) -> list[Event]:
    """So many events of EVENT_TYPE, in batches."""
    events: list[Event] = []
    while len(events) < number:
        batch = [EmitRequest(EVENT_TYPE, DATA)] * min(MAX_BATCH, number - len(events))
        events += emit_batch(app, Environment.LIVE, batch)
    return events
