"""Lines of the Overview's tables and lists, as its templates write them, each with where it leads."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from deliveries.endpoint_facts import health_of
from deliveries.error_codes import ErrorCode
from deliveries.failure_causes import Cause
from deliveries.statistics import EndpointTraffic, Failure, OutcomeCount, Traffic, endpoint_traffic
from deliveries.views.figures import outcome_name, percent, short_outcome
from switera_webhooks.ids import Prefix, to_public_id
from switera_webhooks.templatetags.pages import moment
from switera_webhooks.times import iso
from webhooks.endpoint_names import endpoint_hosts
from webhooks.health import Health
from webhooks.models import Endpoint
from webhooks.views.access import PageRequest

_BREAKDOWN = 6


@dataclass(frozen=True)
class EndpointRow:
    endpoint: Endpoint
    host: str
    health: Health
    traffic: EndpointTraffic
    success: str


@dataclass(frozen=True)
class FailureRow:
    """`short` stands on its badge. `all_url` leads to the deliveries that ended so, `last_url` (or "") to the last."""

    failure: Failure
    cause: Cause
    short: str
    attempts: str
    all_url: str
    last_url: str


@dataclass(frozen=True)
class Step:
    """A step of the chart that had traffic."""

    start: dt.datetime
    deliveries: str
    succeeded: str
    failed: str
    error_rate: str
    url: str


@dataclass(frozen=True)
class Share:
    """A line of a breakdown. `width` is in percent of the longest; `tone` the class of its bar after `chart-`."""

    name: str
    tone: str
    width: float
    count: str
    success: str
    url: str


@dataclass(frozen=True)
class Breakdown:
    shares: Sequence[Share]
    # Lines beyond those.
    more: int


def deliveries_url(page: PageRequest, **filters: str) -> str:
    """The list of deliveries, filtered by the fields of its form."""
    return f"{page.url('deliveries')}?{urlencode(filters)}"


def endpoint_rows(page: PageRequest, endpoints: Sequence[Any]) -> list[EndpointRow]:
    """Of rows of `with_health`."""
    told = endpoint_traffic(page.app, page.environment, endpoints)
    hosts = endpoint_hosts(endpoints)
    return [
        EndpointRow(endpoint, hosts[endpoint.pk], health_of(endpoint), of, percent(of.success_rate))
        for endpoint in endpoints
        if (of := told.get(endpoint.pk)) is not None
    ]


def failure_rows(page: PageRequest, failures: Sequence[Failure], causes: Sequence[Cause]) -> list[FailureRow]:
    rows = []
    for failure, cause in zip(failures, causes, strict=True):
        last_url = ""
        if failure.delivery_id is not None:
            last_url = page.url("delivery", to_public_id(Prefix.DELIVERY, failure.delivery_id))
        response = _response(failure.response_status, failure.error_code)
        rows.append(
            FailureRow(
                failure=failure,
                cause=cause,
                short=short_outcome(failure.response_status, failure.error_code),
                attempts="One attempt" if failure.attempts == 1 else f"{failure.attempts:,} attempts",
                all_url=deliveries_url(page, endpoint=failure.endpoint.public_id, response=response),
                last_url=last_url,
            )
        )
    return rows


def steps(page: PageRequest, traffic: Traffic) -> list[Step]:
    """Newest first, those without traffic left out."""
    base = page.url("deliveries")
    return [
        Step(
            start=point.start,
            deliveries=f"{point.deliveries:,}",
            succeeded=f"{point.succeeded:,}",
            failed=f"{point.failed:,}",
            error_rate=percent(point.error_rate),
            url=f"{base}?after={iso(point.start)}&before={iso(point.start + traffic.period.step)}",
        )
        for point in reversed(traffic.points)
        if point.deliveries or point.succeeded or point.failed
    ]


def step_rows(steps: Sequence[Step]) -> SafeString:
    """The rows of the table behind the chart, made here: in a template those of a week take a fifth of the page."""
    return format_html_join(
        "\n",
        '<tr><th scope="row"><a href="{}">{}</a></th><td class="number" data-label="Deliveries made">{}</td>'
        '<td class="number" data-label="Attempts succeeded">{}</td>'
        '<td class="number" data-label="Attempts failed">{}</td>'
        '<td class="number" data-label="Error rate">{}</td></tr>',
        (
            (
                step.url,
                moment(step.start, "short", in_link=True),
                step.deliveries,
                step.succeeded,
                step.failed,
                step.error_rate,
            )
            for step in steps
        ),
    )


def by_event_type(page: PageRequest, traffic: Traffic) -> Breakdown:
    counts = traffic.event_types[:_BREAKDOWN]
    most = max((count.deliveries for count in counts), default=0)
    shares = [
        Share(
            name=count.event_type,
            tone="accent",
            width=_width(count.deliveries, most),
            count=f"{count.deliveries:,}",
            success=percent(count.success_rate),
            url=deliveries_url(page, type=count.event_type, after=iso(traffic.since)),
        )
        for count in counts
    ]
    return Breakdown(shares, len(traffic.event_types) - len(shares))


def by_outcome(page: PageRequest, traffic: Traffic) -> Breakdown:
    """`success` of a line is its share of all attempts."""
    attempts = sum(outcome.attempts for outcome in traffic.outcomes)
    most = max((outcome.attempts for outcome in traffic.outcomes), default=0)
    shares = [_outcome(page, traffic, outcome, most, attempts) for outcome in traffic.outcomes[:_BREAKDOWN]]
    return Breakdown(shares, len(traffic.outcomes) - len(shares))


def _outcome(page: PageRequest, traffic: Traffic, outcome: OutcomeCount, most: int, attempts: int) -> Share:
    response = _response(outcome.response_status, outcome.error_code)
    return Share(
        name=outcome_name(outcome),
        tone="bad" if outcome.error_code else "good",
        width=_width(outcome.attempts, most),
        count=f"{outcome.attempts:,}",
        success=percent(outcome.attempts / attempts),
        url=deliveries_url(page, response=response, after=iso(traffic.since)),
    )


def _response(response_status: int | None, error_code: str) -> str:
    """The filter for deliveries whose last attempt ended so: a status or an error code."""
    return str(response_status) if error_code in ("", ErrorCode.HTTP_STATUS) else error_code


def _width(number: int, most: int) -> float:
    return round(100 * number / most, 2) if most else 0.0
