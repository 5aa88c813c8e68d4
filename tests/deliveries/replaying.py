"""What the tests of replays share: starting one, working on it, and the rows that it changes."""

import datetime as dt
from typing import Any

from django.utils import timezone

from deliveries.delivery_filter import DeliveryFilter
from deliveries.models import Delivery, DeliveryStatus, Replay, ReplayKind
from deliveries.replay_batches import work_on_replays
from deliveries.replays import start_replay
from events.emit import emit
from events.models import Event
from tests.deliveries.engine.rows import make_events
from tests.factories import ACTOR, make_delivery
from webhooks.models import App, Endpoint

DAY = dt.timedelta(days=1)


def start(app: App, kind: ReplayKind = ReplayKind.FAILED, environment: str = "live", **filters: Any) -> Replay:
    return start_replay(app, environment, kind, DeliveryFilter(**filters), ACTOR)


def work() -> None:
    """Work on all replays until they have ended."""
    assert work_on_replays(lambda: False) is False


def one_batch() -> bool:
    """Whether there is more after one batch."""
    return work_on_replays(lambda: True)


def outcome(replay: Replay) -> tuple[str, int, int, int, int]:
    """Status, count, retried, created, skipped."""
    replay.refresh_from_db()
    return replay.status, replay.count, replay.retried, replay.created, replay.skipped


def make_failed(
    endpoint: Endpoint, count: int = 1, status: str = DeliveryStatus.FAILED, **columns: Any
) -> list[Delivery]:
    """Deliveries with all their attempts behind them, oldest first."""
    tried = {
        "attempt_count": 10,
        "schedule_position": 9,
        "turn": 2,
        "error_code": "http_status",
        "response_status": 500,
    }
    events = [emit(endpoint.app, "order.paid", {}, environment=endpoint.environment) for _ in range(count)]
    return [make_delivery(event, endpoint, status, **{**tried, **columns}) for event in events]


def undelivered(app: App, count: int = 1, type: str = "order.paid", **columns: Any) -> list[Event]:
    """Events that were dispatched when nobody was subscribed."""
    events = make_events(app, count, type)
    Event.objects.filter(pk__in=[event.pk for event in events]).update(**{"dispatched_at": timezone.now(), **columns})
    return events


def pending() -> list[Delivery]:
    """Those that wait, in the order in which they are due."""
    return list(Delivery.objects.filter(status=DeliveryStatus.PENDING).order_by("due_at"))
