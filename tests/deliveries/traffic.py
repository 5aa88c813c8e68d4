"""What the tests of tallies and statistics share: a day of real rows, at moments of the test's choosing."""

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from deliveries.models import AppTally, Attempt, AttemptStatus, Delivery, DeliveryStatus, TallyProgress
from deliveries.tally import TALLIES, count_traffic
from events.models import Event
from switera_webhooks.ids import first_id_at
from tests.factories import make_attempt, make_delivery
from webhooks.models import Endpoint

NOW = dt.datetime(2026, 11, 24, 12, 7, 31, tzinfo=dt.UTC)
SECOND, MINUTE, HOUR, DAY = (dt.timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))


def at(text: str) -> dt.datetime:
    """A time of NOW's day."""
    return dt.datetime.combine(NOW, dt.time.fromisoformat(text), dt.UTC)


def key_at(moment: dt.datetime) -> uuid.UUID:
    """An id that was made then."""
    return uuid.UUID(int=first_id_at(moment).int + uuid.uuid4().int % 2**64)


def make_event_at(endpoint: Endpoint, moment: dt.datetime, type: str = "order.paid", *, test: bool = False) -> Event:
    """An event of the endpoint's app and environment, emitted then."""
    return Event.objects.create(
        id=key_at(moment),
        app=endpoint.app,
        environment=endpoint.environment,
        type=type,
        payload="{}",
        occurred_at=moment,
        test=test,
        created_at=moment,
        dispatched_at=moment,
    )


def make_delivery_at(
    endpoint: Endpoint,
    moment: dt.datetime,
    status: str = DeliveryStatus.SUCCEEDED,
    *,
    type: str = "order.paid",
    test: bool = False,
    **columns: Any,
) -> Delivery:
    """A delivery made then, of an event emitted then."""
    event = make_event_at(endpoint, moment, type, test=test)
    return make_delivery(event, endpoint, status, id=key_at(moment), created_at=moment, **columns)


def succeed_at(delivery: Delivery, moment: dt.datetime, ms: int = 12, number: int = 1) -> Attempt:
    """An attempt that got a 200, recorded then."""
    return make_attempt(
        delivery,
        number,
        id=key_at(moment),
        status=AttemptStatus.SUCCEEDED,
        started_at=moment,
        duration_ms=ms,
        response_status=200,
        error_code="",
        error="",
    )


def fail_at(delivery: Delivery, moment: dt.datetime, ms: int = 12, number: int = 1, **columns: Any) -> Attempt:
    """An attempt that got a 500 (`columns` override), recorded then."""
    return make_attempt(delivery, number, id=key_at(moment), started_at=moment, duration_ms=ms, **columns)


@contextmanager
def clock(moment: dt.datetime) -> Iterator[None]:
    """The database's clock as counting reads it, and Django's."""
    with patch("deliveries.tally.database_now", lambda: moment), patch("django.utils.timezone.now", lambda: moment):
        yield


def count(moment: dt.datetime = NOW, enough: Callable[[], bool] = lambda: False) -> bool:
    """count_traffic at that moment."""
    with clock(moment):
        return count_traffic(enough)


def forget() -> None:
    """As if nothing had ever been counted."""
    TallyProgress.objects.all().delete()
    for model in TALLIES:
        model._default_manager.all().delete()


def rows(model: type[Any]) -> list[dict[str, Any]]:
    """All rows but for their ids, summed over slices, as pages sum them."""
    sums: dict[object, Any] = {}
    for row in sorted(model.objects.all(), key=lambda row: (row.start, str(row.key))):
        same = sums.setdefault((row.start, row.key), row)
        if same is not row:
            same.add(row)
    hidden = {"_state", "id", "slice"}
    return [{name: value for name, value in vars(row).items() if name not in hidden} for row in sums.values()]


def everything() -> list[Any]:
    return [rows(model) for model in TALLIES]


def slices() -> int:
    return sum(model._default_manager.filter(slice__gt=0).count() for model in TALLIES)


def attempts_counted() -> list[tuple[int, int]]:
    return [(row["succeeded"], row["failed"]) for row in rows(AppTally)]
