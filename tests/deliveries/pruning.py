"""What the tests of retention share: time that has passed, and rows to count."""

import datetime as dt
from collections.abc import Callable
from unittest.mock import patch

from deliveries.engine.statements import statements
from deliveries.models import Attempt, Delivery
from deliveries.retention import Pruned, prune_history
from events.models import Event
from switera_webhooks.database import database_now
from tests.deliveries.engine.rows import succeeded

DAY = dt.timedelta(days=1)


def moment() -> dt.datetime:
    """Now, by the database's clock: what was made before is older than it by id too, what is made later is not."""
    until = database_now() + dt.timedelta(milliseconds=2)
    while database_now() < until:
        pass
    return until


def prune(before: dt.datetime | None = None, enough: Callable[[], bool] = lambda: False) -> Pruned:
    """prune_history on the day when retention ends for what was made before that moment (now, unless given)."""
    day = (before or moment()) + 30 * DAY
    with patch("deliveries.retention.database_now", lambda: day):
        return prune_history(enough)


def counts() -> tuple[int, int, int]:
    """Events, deliveries and attempts that there are."""
    return Event.objects.count(), Delivery.objects.count(), Attempt.objects.count()


def deliver() -> int:
    """Dispatch and deliver what is due, successfully."""
    while statements().fan_out(100):
        pass
    delivered = 0
    while claimed := statements().claim(100, 25.0):
        statements().finish([succeeded(claim) for claim in claimed])
        delivered += len(claimed)
    return delivered
