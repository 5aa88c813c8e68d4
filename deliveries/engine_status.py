"""One look at the whole engine: what waits, for how long, and which endpoints are held back."""

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count, Min, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from deliveries.models import Delivery, DeliveryStatus, Lane
from events.models import Event
from webhooks.models import App

# Events and leases are counted so far and no further: what is worth an alarm is less.
COUNT_AT_MOST = 100_000


@dataclass(frozen=True)
class EngineStatus:
    """Figures of this moment. Ages are in seconds, None where nothing waits."""

    # Emitted, and their deliveries not made yet.
    undispatched_events: int
    oldest_undispatched_seconds: float | None
    # Endpoints with something that is due and may go out.
    lanes_due: int
    oldest_due_seconds: float | None
    # Being sent, and those of them whose worker is late with the outcome: the sweep gives them back.
    deliveries_in_flight: int
    leases_expired: int
    # Endpoints that are held back, or have had nothing but failures for some time.
    breakers_open: int
    breakers_half_open: int
    endpoints_paused: int
    endpoints_failing: int


def engine_status() -> EngineStatus:
    """Six statements, which cost the same however long the history is: partial indexes hold what is under way.

    Lanes that are held back have no index, since claims would have to keep it: all lanes are read, 60,000 in 10 ms.
    """
    now = timezone.now()
    undispatched = Event.objects.filter(dispatched_at=None)
    sending = Delivery.objects.filter(status=DeliveryStatus.SENDING)
    lanes_due, oldest_due = _due(now)
    troubled = _troubled(now)
    return EngineStatus(
        undispatched_events=_count(undispatched.order_by("app", "id")),
        oldest_undispatched_seconds=_age(_oldest_undispatched(undispatched), now),
        lanes_due=lanes_due,
        oldest_due_seconds=_age(oldest_due, now),
        deliveries_in_flight=_count(sending.order_by("leased_until")),
        leases_expired=_count(sending.filter(leased_until__lt=now).order_by("leased_until")),
        breakers_open=troubled["open"],
        breakers_half_open=troubled["half_open"],
        endpoints_paused=troubled["paused"],
        endpoints_failing=troubled["failing"],
    )


def _count(rows: QuerySet[Event] | QuerySet[Delivery]) -> int:
    return rows[:COUNT_AT_MOST].count()


def _oldest_undispatched(undispatched: QuerySet[Event]) -> dt.datetime | None:
    """By app, as the index of undispatched events is: the oldest of all would be looked for in the whole history."""
    of_app = undispatched.filter(app=OuterRef("pk")).order_by("id").values("created_at")[:1]
    oldest: dt.datetime | None = App.objects.aggregate(oldest=Min(Subquery(of_app)))["oldest"]
    return oldest


def _due(now: dt.datetime) -> tuple[int, dt.datetime | None]:
    """How many lanes a claim would look at now, and since when the oldest of what may go out there is due."""
    admits = Q(held=False) & (Q(open_until=None) | Q(open_until__lte=now))
    admits &= Q(paused_until=None) | Q(paused_until__lte=now)
    due = Lane.objects.filter(Q(first_wake_at__lte=now) | Q(retry_wake_at__lte=now)).aggregate(
        lanes=Count("pk"),
        urgent=Min("urgent_from", filter=Q(urgent_from__lte=now)),
        fresh=Min("fresh_from", filter=admits & Q(fresh_from__lte=now)),
        retry=Min("retry_from", filter=admits & Q(retry_from__lte=now)),
    )
    lanes: int = due["lanes"]
    moments: list[dt.datetime] = [due[turn] for turn in ("urgent", "fresh", "retry") if due[turn] is not None]
    return lanes, min(moments, default=None)


def _troubled(now: dt.datetime) -> dict[str, int]:
    is_open = Q(open_until__gt=now, probing=False)
    troubled = Q(open_until__isnull=False) | Q(paused_until__isnull=False) | Q(failing_since__isnull=False)
    return Lane.objects.filter(troubled, closed=False).aggregate(
        open=Count("pk", filter=is_open),
        half_open=Count("pk", filter=Q(open_until__isnull=False) & ~is_open),
        paused=Count("pk", filter=Q(paused_until__gt=now)),
        failing=Count("pk", filter=Q(failing_since__isnull=False)),
    )


def _age(moment: dt.datetime | None, now: dt.datetime) -> float | None:
    return None if moment is None else round(max(0.0, (now - moment).total_seconds()), 3)
