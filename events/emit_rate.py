"""The limit on an app's events a second (WEBHOOKS_EMIT_RATE, S39), the same for all web processes.

A token bucket that holds a second's worth, kept as one moment (the generic cell rate algorithm), so that taking
from it is one guarded UPDATE. A batch larger than the bucket goes when the bucket is full, and is then paid off.
"""

import time

from django.conf import settings
from django.db.models import F, Value
from django.db.models.functions import Greatest

from events.models import EmitBudget
from switera_webhooks.refusals import LimitReached
from webhooks.models import App

_SECOND = 1_000_000  # microseconds


def take(app: App, count: int) -> None:
    """Spend `count` events of the app's budget; without a limit this asks nothing of the database.

    Raises LimitReached, with the seconds after which as many will be there.
    """
    rate: int = settings.WEBHOOKS_EMIT_RATE
    if rate == 0:
        return
    one = -(-_SECOND // rate)
    cost, bucket = count * one, rate * one
    now = time.time_ns() // 1_000
    latest = now + bucket - min(cost, bucket)
    if _spend(app, cost, now, latest):
        return
    budget, _ = EmitBudget.objects.get_or_create(app=app)
    if not _spend(app, cost, now, latest):
        raise LimitReached(
            f"This app may emit {rate:,} events a second: slow down, or send batches less often.",
            retry_after=max(1, -(-(budget.spent_until - latest) // _SECOND)),
        )


def _spend(app: App, cost: int, now: int, latest: int) -> bool:
    spent_until = Greatest(F("spent_until"), Value(now)) + cost
    return EmitBudget.objects.filter(app=app, spent_until__lte=latest).update(spent_until=spent_until) == 1
