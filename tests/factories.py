"""Rows for tests, made by the product's own services where there is one. Keyword arguments change the defaults."""

import datetime as dt
import uuid
from typing import Any

from django.utils import timezone

from deliveries.endpoints import EndpointFields, create_endpoint
from deliveries.models import Attempt, AttemptStatus, Delivery, DeliveryStatus
from events.emit import emit
from events.event_types import create_event_type
from events.models import Event, EventType
from switera_webhooks.environments import Environment
from webhooks.api_keys import create_api_key
from webhooks.app_setup import CreatedApp, create_app
from webhooks.audit import Actor
from webhooks.models import ApiKey, App, Endpoint, Organization

ACTOR = Actor.of_command("test")
# A public address as it stands: no name to look up.
URL = "https://192.0.78.1/hooks"


def make_app(name: str = "Shop") -> CreatedApp:
    """An app with the texts of its live and its test key."""
    return create_app(name, actor=ACTOR)


def make_key(app: App, environment: str = Environment.LIVE, **columns: Any) -> tuple[ApiKey, str]:
    """A further key and its text; `columns` may revoke it or let it expire."""
    key, text = create_api_key(app, environment, ACTOR)
    if columns:
        ApiKey.objects.filter(pk=key.pk).update(**columns)
        key.refresh_from_db()
    return key, text


def make_organization(app: App, name: str = "Acme") -> Organization:
    return Organization.objects.create(app=app, name=name, slug=f"{name.lower()}-{uuid.uuid4().hex[:8]}")


def make_event_type(
    app: App,
    name: str = "order.paid",
    *,
    description: str = "",
    schema: object | None = None,
    example: object | None = None,
) -> EventType:
    return create_event_type(app, name, description, schema, example, ACTOR)


def make_endpoint(app: App, *, environment: str = Environment.LIVE, **fields: Any) -> Endpoint:
    """An enabled endpoint for all events; `fields` are those of EndpointFields."""
    given = EndpointFields(**{"url": URL, "event_types": ["*"], **fields})
    return create_endpoint(app, environment, given, ACTOR).endpoint


def make_event(
    app: App,
    type: str = "order.paid",
    data: object | None = None,
    *,
    environment: str = Environment.LIVE,
    **options: Any,
) -> Event:
    """An emitted event, its type defined if need be; `options` are those of `emit`."""
    if not EventType.objects.filter(app=app, name=type).exists():
        make_event_type(app, type)
    return emit(app, type, {"order_id": "ord_1"} if data is None else data, environment=environment, **options)


def make_delivery(event: Event, endpoint: Endpoint, status: str = DeliveryStatus.PENDING, **columns: Any) -> Delivery:
    """A delivery as fan-out makes it, or in a later state; `columns` override."""
    now = timezone.now()
    state: dict[str, Any] = {}
    if status == DeliveryStatus.PENDING:
        state = {"due_at": now}
    elif status == DeliveryStatus.SENDING:
        state = {"lease": uuid.uuid4(), "leased_until": now + dt.timedelta(minutes=1)}
    Event.objects.filter(pk=event.pk, dispatched_at=None).update(dispatched_at=now)
    return Delivery.objects.create(
        **{
            "event": event,
            "endpoint": endpoint,
            "app": endpoint.app,
            "environment": endpoint.environment,
            "event_type": event.type,
            "test": event.test,
            "status": status,
            "created_at": now,
            **state,
            **columns,
        }
    )


def make_attempt(delivery: Delivery, number: int = 1, **columns: Any) -> Attempt:
    """A failed attempt that got a 500, counted on its delivery; `columns` override."""
    attempt = Attempt.objects.create(
        **{
            "delivery": delivery,
            "number": number,
            "status": AttemptStatus.FAILED,
            "started_at": timezone.now(),
            "duration_ms": 12,
            "response_status": 500,
            "response_headers": [["content-type", "text/plain"]],
            "response_body": "no",
            "error_code": "http_status",
            "error": "The receiver answered 500.",
            **columns,
        }
    )
    Delivery.objects.filter(pk=delivery.pk).update(
        attempt_count=number,
        last_attempt_at=attempt.started_at,
        response_status=attempt.response_status,
        error_code=attempt.error_code,
        error=attempt.error,
    )
    delivery.refresh_from_db()
    return attempt
