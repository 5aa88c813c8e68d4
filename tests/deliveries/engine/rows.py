"""Rows for the engine's tests, made as the product makes them but for the look-up of names."""

import datetime as dt
import itertools

from django.db import models, transaction
from django.utils import timezone

from deliveries.engine.statements import Claimed, Result
from deliveries.models import Attempt, Delivery, Lane, Turn
from events.emit import emit
from events.models import Event, EventType
from switera_webhooks.environments import Environment
from webhooks.models import App, Endpoint
from webhooks.secrets import create_secret

_numbers = itertools.count(1)


def make_app(*types: str) -> App:
    number = next(_numbers)
    app = App.objects.create(name=f"App {number}", slug=f"app-{number}")
    for name in types or ("order.paid",):
        EventType.objects.create(app=app, name=name)
    return app


def make_endpoint(
    app: App,
    *patterns: str,
    url: str = "https://receiver.example.com/",
    environment: str = Environment.LIVE,
    rate: int | None = None,
    **lane: object,
) -> Endpoint:
    """An endpoint with its lane and secret; `lane` sets the lane's columns."""
    endpoint = Endpoint.objects.create(
        app=app,
        environment=environment,
        url=url,
        event_types=list(patterns) or ["*"],
        rate_limit=rate,
        created_at=timezone.now() - dt.timedelta(seconds=1),
    )
    Lane.objects.create(endpoint=endpoint, app=app, rate=rate, **lane)
    create_secret(endpoint)
    return endpoint


def make_events(app: App, count: int = 1, type: str = "order.paid") -> list[Event]:
    return [emit(app, type, {"number": number}) for number in range(count)]


def make_waiting(
    endpoint: Endpoint, turn: Turn, count: int = 1, due_at: dt.datetime | None = None, *, test: bool = False
) -> list[Delivery]:
    """Deliveries of that turn that wait on the endpoint's lane, a millisecond apart: from `due_at`, or for a second."""
    start = due_at or timezone.now() - dt.timedelta(seconds=1)
    moments = [start + dt.timedelta(milliseconds=number) for number in range(count)]
    about = {"app": endpoint.app, "environment": endpoint.environment, "test": test}
    events = Event.objects.bulk_create(
        Event(**about, type="order.paid", payload="{}", occurred_at=at, created_at=at, dispatched_at=at)
        for at in moments
    )
    made = Delivery.objects.bulk_create(
        Delivery(**about, event=event, endpoint=endpoint, event_type=event.type, turn=turn, due_at=at, created_at=start)
        for event, at in zip(events, moments, strict=True)
    )
    with transaction.atomic():
        Lane.objects.select_for_update().get(pk=endpoint.pk).wait_from(turn, start)
    return made


def lane_of(endpoint: Endpoint) -> Lane:
    return Lane.objects.get(pk=endpoint.pk)


def make_due(deliveries: models.QuerySet[Delivery]) -> None:
    """Let the time pass that a retry waits: the deliveries, and their lanes, are due now."""
    now = timezone.now() - dt.timedelta(milliseconds=5)
    pending = deliveries.filter(status="pending")
    pending.update(due_at=now)
    for lane in Lane.objects.filter(pk__in=list(pending.values_list("endpoint_id", flat=True))):
        lane.find_waiting()
        lane.claimed_at = None
        lane.save()


def succeeded(claimed: Claimed) -> Result:
    return ended(claimed, succeeded=True, retry_in=None, response_status=200, error_code="", error="")


def failed(claimed: Claimed, retry_in: float | None) -> Result:
    return ended(
        claimed, succeeded=False, retry_in=retry_in, response_status=500, error_code="http_status", error="It said 500."
    )


def ended(
    claimed: Claimed,
    *,
    succeeded: bool,
    retry_in: float | None,
    response_status: int | None,
    error_code: str,
    error: str,
) -> Result:
    return Result(
        delivery_id=claimed.delivery_id,
        lease=claimed.lease,
        succeeded=succeeded,
        retry_in=retry_in,
        schedule_position=claimed.schedule_position + (not succeeded),
        lost_count=0,
        started_at=timezone.now(),
        duration_ms=12,
        response_status=response_status,
        response_headers='[["x-a", "b"]]',
        response_body="body",
        response_truncated=False,
        error_code=error_code,
        error=error,
        blames=not succeeded,
        slow=False,
        pause=None,
    )


def attempts() -> list[tuple[int, str, int | None, str]]:
    """Every attempt: number, status, response status, error code."""
    return list(Attempt.objects.order_by("number").values_list("number", "status", "response_status", "error_code"))


def due_in(delivery: Delivery) -> float:
    """Seconds until the next attempt."""
    assert delivery.due_at is not None
    return (delivery.due_at - timezone.now()).total_seconds()
