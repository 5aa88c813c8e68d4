"""The tab Overview: how the service does, and why."""

import datetime as dt
import json
import shlex
from dataclasses import dataclass
from typing import Any

from django.db.models import F
from django.http import HttpResponse
from django.utils import timezone

from deliveries.endpoint_facts import app_health_of, in_attention, with_health
from deliveries.failure_facts import causes_of_failures
from deliveries.models import Delivery, EventTypeTally
from deliveries.statistics import Period, Traffic, WaitingForRetry, latest_failures, traffic, waiting_for_retry
from deliveries.views.figures import figures
from deliveries.views.overview_rows import (
    by_event_type,
    by_outcome,
    deliveries_url,
    endpoint_rows,
    failure_rows,
    step_rows,
    steps,
)
from deliveries.views.reviews import reviews
from events.catalog.built_in import is_built_in_family
from events.models import EventType
from switera_webhooks.pages.chart import TimeChart, time_chart
from webhooks.endpoint_names import endpoint_names
from webhooks.health import Health
from webhooks.models import Endpoint
from webhooks.views.access import PageRequest, Tab, app_page

_ENDPOINTS = 8
_REVIEWS = 3
_FAILURES = 6
# Beyond those that are shown, for the causes of what needs a person.
_FAILURES_READ = 12
# Counting runs every ten seconds: figures that are older by so much stand still.
_STALE_AFTER = dt.timedelta(minutes=2)


@dataclass(frozen=True)
class PeriodWords:
    """How a period is asked for and told of. Below its chart stand so many times."""

    period: Period
    parameter: str
    label: str
    told: str
    before: str
    step: str
    times: int
    time_style: str


_PERIODS = (
    PeriodWords(Period.DAY, "24h", "24 hours", "the last 24 hours", "the day before", "30 minutes", 4, "clock"),
    PeriodWords(Period.WEEK, "7d", "7 days", "the last 7 days", "the week before", "2 hours", 7, "weekday"),
)


@app_page(Tab.OVERVIEW)
def overview(page: PageRequest) -> HttpResponse:
    """The whole page of `?period=24h` or `7d`; for htmx what is live of it."""
    period = next((each for each in _PERIODS if each.parameter == page.http.GET.get("period")), _PERIODS[0])
    context = {"period": period, "periods": _PERIODS, **_state(page, period)}
    if page.http.headers.get("HX-Request") == "true":
        health = app_health_of(page.app, page.environment)
        return page.part("deliveries/overview_refreshed.html", {**context, "health": health, "refreshed": True})
    return page.render("deliveries/overview.html", context)


def _state(page: PageRequest, period: PeriodWords) -> dict[str, Any]:
    """What the templates show: `first_visit`, or `no_traffic` with the endpoints, or all there is to tell."""
    attention, endpoints = _endpoints(page)
    if not endpoints:
        return {"first_visit": True}
    told = traffic(page.app, page.environment, period.period)
    rows = endpoint_rows(page, endpoints)
    if not _has_traffic(page, told):
        own = EventType.objects.filter(app=page.app, deprecated=False).order_by("name").first()
        return {
            "no_traffic": True,
            "rows": rows,
            "tested": any(row.health is Health.READY for row in rows),
            "own_type": own,
            "emit_command": _emit_command(page, own),
        }
    waiting = waiting_for_retry(page.app, page.environment)
    failures = latest_failures(page.app, page.environment, _FAILURES_READ)
    causes = causes_of_failures(failures)
    table = steps(page, told)
    named = [*endpoints, *(failure.endpoint for failure in failures[:_FAILURES])]
    return {
        "traffic": told,
        "stale": told.as_of is None or timezone.now() - told.as_of > _STALE_AFTER,
        "reviews": reviews(attention[:_REVIEWS], failures, causes),
        "more_reviews": len(attention) > _REVIEWS,
        "unheard": _is_unheard(told),
        "figures": figures(told, period.before),
        "waiting": waiting,
        "waiting_count": _waiting_count(waiting),
        "waiting_url": deliveries_url(page, status="pending"),
        "chart": _chart(told, period),
        "steps": table,
        "step_rows": step_rows(table),
        "rows": rows,
        "endpoint_names": endpoint_names({endpoint.pk: endpoint for endpoint in named}.values()),
        "failures": failure_rows(page, failures[:_FAILURES], causes[:_FAILURES]),
        "event_types": by_event_type(page, told),
        "outcomes": by_outcome(page, told),
    }


def _endpoints(page: PageRequest) -> tuple[list[Any], list[Any]]:
    """Those in Attention, and with them others, the latest success first; _ENDPOINTS at most of either."""
    mine = with_health(Endpoint.objects.in_scope(page.app, page.environment))
    longest_first = (F("disabled_at").asc(nulls_last=True), F("lane__failing_since").asc(nulls_last=True), "-id")
    attention = list(in_attention(mine).order_by(*longest_first)[:_ENDPOINTS])
    others = mine.exclude(pk__in=[endpoint.pk for endpoint in attention])
    latest_first = others.order_by(F("lane__last_success_at").desc(nulls_last=True), "-id")
    return attention, attention + list(latest_first[: _ENDPOINTS - len(attention)])


def _has_traffic(page: PageRequest, told: Traffic) -> bool:
    """Whether something was delivered or emitted in the last two periods, or there is a real delivery of any age.

    That an endpoint was added is an event too: what the product tells by itself, to nobody, is no traffic.
    """
    if any(total.deliveries or total.succeeded or total.failed for total in (told.totals, told.before)):
        return True
    tallies = EventTypeTally.objects.filter(app=page.app, environment=page.environment, events__gt=0)
    lately = tallies.filter(start__gte=told.since - told.period.length).values_list("event_type", flat=True)
    if not all(map(is_built_in_family, lately.distinct())):
        return True
    return Delivery.objects.filter(app=page.app, environment=page.environment, test=False).exists()


def _is_unheard(told: Traffic) -> bool:
    """Whether the app's own events went nowhere; built-in ones are for those who ask for them."""
    emitted = (each.event_type for each in told.event_types if each.events)
    return not told.totals.deliveries and not all(map(is_built_in_family, emitted))


def _waiting_count(waiting: WaitingForRetry) -> str:
    return f"{waiting.count:,}+" if waiting.capped else f"{waiting.count:,}"


def _chart(told: Traffic, period: PeriodWords) -> TimeChart:
    sentences = [
        f"Attempts of {period.told}, every {period.step}: {told.totals.succeeded:,} succeeded, "
        f"{told.totals.failed:,} failed."
    ]
    busiest = max(told.points, key=lambda point: point.succeeded + point.failed)
    worst = max(told.points, key=lambda point: point.failed)
    if busiest.succeeded or busiest.failed:
        attempts = busiest.succeeded + busiest.failed
        sentences.append(f"Most were made from {busiest.start:%d %b, %H:%M} UTC on: {attempts:,}.")
    if worst.failed:
        sentences.append(f"Most failed from {worst.start:%d %b, %H:%M} UTC on: {worst.failed:,}.")
    return time_chart(told.points, period.times, period.time_style, " ".join(sentences))


def _emit_command(page: PageRequest, own: EventType | None) -> str:
    """curl that emits the app's own event type with its example, or one that is still to be defined."""
    name, example = (own.name, own.example) if own else ("order.paid", None)
    body = shlex.quote(json.dumps({"type": name, "data": example or {}}, ensure_ascii=False))
    url = page.http.build_absolute_uri(f"/api/v1/apps/{page.app.public_id}/events")
    return (
        f'curl {url} \\\n  -H "Authorization: Bearer $SWITERA_KEY" \\\n'
        f'  -H "Content-Type: application/json" \\\n  -d {body}\n'
    )
