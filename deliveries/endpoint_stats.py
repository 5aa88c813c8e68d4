"""How an endpoint is doing: what became of its deliveries, how fast it answers, and where its lane stands."""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Min, Q, QuerySet
from django.utils import timezone

from deliveries.error_codes import ErrorCode
from deliveries.models import Attempt, Delivery, DeliveryStatus, Lane, Turn
from switera_webhooks.ids import first_id_at
from webhooks.models import Endpoint

DAY = dt.timedelta(days=1)
WEEK = dt.timedelta(days=7)
# No figure looks at more rows than this, so that the busiest endpoint is answered about as fast as any: 10,000
# deliveries of an endpoint are read in 5 to 20 ms, by the index that lists them, whatever else the history holds.
ROWS_AT_MOST = 10_000
# Attempts have no index of an endpoint's own and are looked up delivery by delivery: so many make p95 exact enough.
TIMED_AT_MOST = 1_000
# How far a row's id and its created_at may be apart.
_SLACK_MS = 3_600_000


@dataclass(frozen=True)
class Outcomes:
    """What became of the deliveries that were created since `since`."""

    since: dt.datetime
    created: int
    succeeded: int
    failed: int

    @property
    def success_rate(self) -> float | None:
        """From 0 to 1, of those that ended; None where none did."""
        ended = self.succeeded + self.failed
        return round(self.succeeded / ended, 4) if ended else None


@dataclass(frozen=True)
class Pending:
    """Deliveries that wait. Each is counted once: what is held waits for its endpoint and for nothing else."""

    first_attempt: int
    retry: int
    held: int


@dataclass(frozen=True)
class ResponseTimes:
    """Milliseconds; None without attempts."""

    attempts: int
    p50_ms: int | None
    p95_ms: int | None


@dataclass(frozen=True)
class EndpointStats:
    lane: Lane
    last_24_hours: Outcomes
    last_7_days: Outcomes
    pending: Pending
    response_times: ResponseTimes


def endpoint_stats(endpoint: Endpoint) -> EndpointStats:
    """Six statements, each of which reads at most ROWS_AT_MOST rows of the endpoint's, by an index of its own."""
    now = timezone.now()
    of_week = _of_week(endpoint, now)
    last_24_hours, last_7_days = _outcomes(of_week[:ROWS_AT_MOST], now)
    return EndpointStats(
        lane=endpoint.lane,
        last_24_hours=last_24_hours,
        last_7_days=last_7_days,
        pending=_pending(endpoint),
        response_times=_response_times(of_week[:TIMED_AT_MOST], now),
    )


def _of_week(endpoint: Endpoint, now: dt.datetime) -> QuerySet[Delivery]:
    """The deliveries of the last week, newest first, by the index that lists an endpoint's; test sends left out."""
    of_week = Delivery.objects.filter(endpoint=endpoint, id__gte=first_id_at(now - WEEK, -_SLACK_MS))
    return of_week.filter(test=False).order_by("-id")


def _outcomes(newest: QuerySet[Delivery], now: dt.datetime) -> tuple[Outcomes, Outcomes]:
    """Of the last day and of the last week; of less where there are more rows than are looked at."""
    figures: dict[str, Any] = {"rows": Count("pk"), "oldest": Min("created_at")}
    for name, since in (("day", now - DAY), ("week", now - WEEK)):
        created = Q(created_at__gt=since)
        figures[f"{name}_created"] = Count("pk", filter=created)
        figures[f"{name}_succeeded"] = Count("pk", filter=created & Q(status=DeliveryStatus.SUCCEEDED))
        figures[f"{name}_failed"] = Count("pk", filter=created & Q(status=DeliveryStatus.FAILED))
    counted = newest.aggregate(**figures)
    seen_since = counted["oldest"] if counted["rows"] == ROWS_AT_MOST else now - WEEK

    def outcomes(name: str, since: dt.datetime) -> Outcomes:
        numbers = (counted[f"{name}_{kind}"] for kind in ("created", "succeeded", "failed"))
        return Outcomes(max(since, seen_since), *numbers)

    return outcomes("day", now - DAY), outcomes("week", now - WEEK)


def _pending(endpoint: Endpoint) -> Pending:
    """By turn, so that a backlog of one does not hide the others."""
    pending = Delivery.objects.filter(endpoint=endpoint, status=DeliveryStatus.PENDING)
    # A disabled endpoint holds all but test sends.
    goes = Q() if endpoint.enabled else Q(test=True)
    first_attempt = retry = held = 0
    for turn in Turn:
        counted = (
            pending.filter(turn=turn)
            .order_by("due_at")[:ROWS_AT_MOST]
            .aggregate(
                all=Count("pk"),
                first_attempt=Count("pk", filter=goes & Q(attempt_count=0)),
                retry=Count("pk", filter=goes & Q(attempt_count__gt=0)),
            )
        )
        first_attempt += counted["first_attempt"]
        retry += counted["retry"]
        held += counted["all"] - counted["first_attempt"] - counted["retry"]
    return Pending(first_attempt, retry, held)


def _response_times(newest: QuerySet[Delivery], now: dt.datetime) -> ResponseTimes:
    """Of the last day's attempts that were answered, or waited for in vain until the wall clock."""
    told = Q(response_status__isnull=False) | Q(error_code=ErrorCode.TIMEOUT)
    attempts = Attempt.objects.filter(told, delivery__in=newest.values("pk"), started_at__gt=now - DAY)
    durations = sorted(attempts.values_list("duration_ms", flat=True)[:ROWS_AT_MOST])
    return ResponseTimes(len(durations), _percentile(durations, 0.5), _percentile(durations, 0.95))


def _percentile(ordered: Sequence[int], share: float) -> int | None:
    """The least value that this share of all does not exceed; None of nothing."""
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else None
