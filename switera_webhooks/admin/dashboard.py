"""Whether the service does well, in six figures: each with a word for it, and the list that explains it.

Every statement is bounded or reads what is under way, never history: the page costs the same after ten million
deliveries.
"""

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count, Q, Sum
from django.utils import timezone

from deliveries.engine_status import EngineStatus, engine_status
from deliveries.models import AppTally, Delivery, DeliveryStatus, Lane, TallyProgress, Turn
from deliveries.tally import HOUR, MINUTE
from deliveries.templatetags.deliveries import span
from switera_webhooks.admin.shown import list_url, some
from switera_webhooks.api.health import BrokerState, broker_state
from switera_webhooks.database import whole_tables_left_alone
from switera_webhooks.pages.badges import Badge
from webhooks.models import DisabledReason, Endpoint

# What waits is counted so far and no further.
BACKLOG_AT_MOST = 10_000
# From when on a backlog is worth a look, and an alarm; an idle system starts what is due within a second.
BEHIND = dt.timedelta(minutes=1)
LATE = dt.timedelta(minutes=10)
# Traffic is counted some 20 seconds late (deliveries/tally.py); without a scheduler not at all.
COUNTED_WITHIN = dt.timedelta(minutes=2)
# Of so many attempts at least it is said that most of them fail.
ATTEMPTS_TO_JUDGE = 10
BROKER_WAIT_SECONDS = 1.0
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Figure:
    """`badge` says in a word whether it is fine, `note` in a sentence; `url` leads to what explains it."""

    title: str
    value: str
    badge: Badge
    note: str
    url: str
    link: str


def figures() -> list[Figure]:
    """As of now. Ten statements; the broker is waited for BROKER_WAIT_SECONDS at most."""
    now = timezone.now()
    status = engine_status()
    broker = broker_state(BROKER_WAIT_SECONDS)
    return [
        _backlog(status, now),
        _traffic(now),
        _failing(status, now),
        _disabled(now),
        _workers(broker, status),
        _broker(broker),
    ]


def _fine(word: str = "Fine") -> Badge:
    return Badge("good", "check", word)


def _warn(word: str) -> Badge:
    return Badge("warn", "circle-alert", word)


def _bad(word: str) -> Badge:
    return Badge("bad", "triangle-alert", word)


def _idle(word: str) -> Badge:
    return Badge("idle", "circle-dashed", word)


def _backlog(status: EngineStatus, now: dt.datetime) -> Figure:
    lanes = Lane.objects.filter(Q(first_wake_at__lte=now) | Q(retry_wake_at__lte=now))
    due = Delivery.objects.filter(
        # Each turn by itself, as the index of what is due has it.
        endpoint__in=lanes.values("pk"),
        turn__in=Turn.values,
        status=DeliveryStatus.PENDING,
        due_at__lte=now,
    )
    with whole_tables_left_alone():
        count = due.order_by()[: BACKLOG_AT_MOST + 1].count()
    ages = [age for age in (status.oldest_due_seconds, status.oldest_undispatched_seconds) if age is not None]
    oldest = dt.timedelta(seconds=max(ages, default=0))
    value = f"{BACKLOG_AT_MOST:,}+" if count > BACKLOG_AT_MOST else f"{count:,}"
    note = "Deliveries that could go out now." if ages else "Nothing waits."
    if status.undispatched_events:
        note += f" {some(status.undispatched_events, 'event waits', 'events wait')} to become deliveries."
    if ages:  # of deliveries and events
        note += f" The oldest of all waits for {span(oldest)}."
    judged = _bad("Late") if oldest > LATE else _warn("Behind") if oldest > BEHIND else _fine()
    return Figure("Backlog", value, judged, note, list_url(Lane, waiting="due"), "Lanes that are due")


def _traffic(now: dt.datetime) -> Figure:
    title, url, link = "Deliveries a minute", list_url(Delivery), "Newest deliveries"
    progress = TallyProgress.objects.first()
    if progress is None:
        note = "No traffic has been counted yet: a scheduler does that every ten seconds."
        return Figure(title, "-", _idle("Not counted"), note, url, link)
    until = progress.counted_until
    since = int((until - MINUTE).timestamp())
    sums = AppTally.objects.filter(slice__gte=since).aggregate(
        deliveries=Sum("deliveries", default=0), succeeded=Sum("succeeded", default=0), failed=Sum("failed", default=0)
    )
    attempts = sums["succeeded"] + sums["failed"]
    value = f"{sums['deliveries']:,}"
    if now - until > COUNTED_WITHIN:
        note = f"Counting stopped at {until:%Y-%m-%d %H:%M} UTC: does a scheduler (beat) run?"
        return Figure(title, value, _warn("Out of date"), note, url, link)
    note = f"New ones in the last counted minute. {some(sums['succeeded'], 'attempt', 'attempts')} succeeded, "
    note += f"{sums['failed']:,} failed."
    if not attempts:
        judged = _idle("No traffic") if not sums["deliveries"] else _fine()
    elif attempts >= ATTEMPTS_TO_JUDGE and sums["failed"] * 2 > attempts:
        judged = _bad("Most fail")
        url, link = list_url(Delivery, status="failed"), "Failed deliveries"
    else:
        judged = _fine()
    return Figure(title, value, judged, note, url, link)


def _failing(status: EngineStatus, now: dt.datetime) -> Figure:
    # Those that are disabled are a figure of their own.
    failing = Lane.objects.filter(failing_since__isnull=False, closed=False, held=False).aggregate(
        all=Count("pk"), hour=Count("pk", filter=Q(failing_since__lte=now - HOUR))
    )
    count, hour = failing["all"], failing["hour"]
    note = "Endpoints with nothing but failures since their last success."
    if count:
        note += f" {hour:,} of them for more than an hour."
    if status.breakers_open:
        note += f" {some(status.breakers_open, 'circuit breaker is', 'circuit breakers are')} open."
    judged = _bad("Look") if hour else _warn("New failures") if count else _fine()
    url = list_url(Endpoint, failing="yes")
    return Figure("Failing endpoints", f"{count:,}", judged, note, url, "Failing endpoints")


def _disabled(now: dt.datetime) -> Figure:
    today = Endpoint.objects.filter(disabled_at__gte=now - DAY, deleted_at=None).aggregate(
        all=Count("pk"), by_people=Count("pk", filter=Q(disabled_reason=DisabledReason.MANUAL))
    )
    by_system = today["all"] - today["by_people"]
    note = f"In the last 24 hours: {by_system:,} by the service, {today['by_people']:,} by people."
    judged = _warn("Look") if by_system else _fine()
    url = list_url(Endpoint, state="disabled_today")
    return Figure("Disabled today", f"{today['all']:,}", judged, note, url, "Endpoints disabled today")


def _workers(broker: BrokerState, status: EngineStatus) -> Figure:
    late = status.leases_expired
    note = some(status.deliveries_in_flight, "delivery is being sent", "deliveries are being sent")
    note += f", {late:,} of them by a worker that is late." if late else "."
    if broker.workers == "ok":
        value, judged = "Seen", _warn("Some are late") if late else _fine()
    elif broker.workers == "none":
        value, judged = "None seen", _bad("Nothing is sent")
        note += " No worker answers: start one."
    else:
        value, judged = "Unknown", _warn("Not known")
        note += " Workers are asked by way of the broker."
    url = list_url(Delivery, status="sending")
    return Figure("Workers", value, judged, note, url, "Deliveries being sent")


def _broker(broker: BrokerState) -> Figure:
    if broker.broker == "unreachable":
        note = "Events are accepted and kept; they are delivered once it is back."
        return Figure("Broker", "Not reachable", _bad("Down"), note, "/readyz", "What /readyz says")
    note = "It carries nudges only." if broker.broker == "ok" else "Within the web process: for development."
    value = "Reachable" if broker.broker == "ok" else "Embedded"
    return Figure("Broker", value, _fine(), note, "/readyz", "What /readyz says")
