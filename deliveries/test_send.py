"""Test sends: one event to one endpoint through the real pipeline, marked `test`."""

import datetime as dt
from collections.abc import Mapping

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from deliveries.locking import lock_lane
from deliveries.models import Delivery, Turn
from events.event_data import check_event_data
from events.event_types import visible_event_types
from events.models import Event, EventType
from events.payload import Envelope, build_payload
from switera_webhooks.database import database_now
from switera_webhooks.ids import new_id
from switera_webhooks.nudge import nudge
from switera_webhooks.refusals import InvalidInput, LimitReached
from webhooks import audit
from webhooks.audit import Actor
from webhooks.models import App, Endpoint

_MINUTE = dt.timedelta(minutes=1)


def send_test(endpoint: Endpoint, event_type: str, actor: Actor, data: object | None = None) -> Delivery:
    """Send the type's example, or `data`, to this endpoint alone, subscribed or not, disabled or not.

    A type without an example sends {}. Raises InvalidInput (a type that the app does not have; data that is no object
    or against its schema), TooLarge (S28), LimitReached (WEBHOOKS_TEST_SENDS_PER_MINUTE).
    """
    found = None if "\0" in event_type else visible_event_types(endpoint.app).filter(name=event_type).first()
    if found is None:
        raise InvalidInput(
            f"{event_type[:128]!r} is not in the event catalog.",
            code="unknown_event_type",
            details={"event_type": ["Not in the event catalog."]},
        )
    data = example_of(found, endpoint, actor) if data is None else data
    event = _event(endpoint, found, data, database_now())
    with transaction.atomic():
        _refuse_over_limit(endpoint.app)
        lane = lock_lane(endpoint.pk)
        delivery = _create(endpoint, event)
        lane.wait_from(delivery.turn, delivery.created_at)
        audit.record_of_endpoint(
            endpoint, actor, "endpoint.tested", {"event_type": found.name, "delivery_id": delivery.public_id}
        )
        nudge()
    return delivery


def check_test_data(endpoint: Endpoint, event_type: EventType, data: object) -> None:
    """Raises what `send_test` would raise for this data: InvalidInput, TooLarge. Nothing is sent."""
    _event(endpoint, event_type, data, timezone.now())


def example_of(event_type: EventType, endpoint: Endpoint, actor: Actor) -> object:
    """What a test send of this type to this endpoint sends by itself."""
    if event_type.built_in and event_type.name == "webhook.test":
        return {
            "message": "This is a test event from Switera.",
            "sent_by": actor.name,
            "endpoint_id": endpoint.public_id,
        }
    return event_type.example if event_type.example is not None else {}


def _event(endpoint: Endpoint, event_type: EventType, data: object, now: dt.datetime) -> Event:
    """The event with its data checked, not saved: dispatched already."""
    if not isinstance(data, Mapping):  # what was typed, or an example from before examples had to be objects
        raise InvalidInput(
            f"The data of an event is an object: give one, or change the example of {event_type.name}.",
            details={"data": ["Give a JSON object."]},
        )
    event_id = new_id()
    payload = build_payload(
        Envelope(
            event_id,
            event_type.name,
            now,
            endpoint.app,
            endpoint.environment,
            endpoint.organization_id,
            test=True,
        ),
        data,
    )
    # After the size: what a schema may cost is bounded for payloads that may be sent (S41b).
    check_event_data(event_type, data)
    return Event(
        id=event_id,
        app=endpoint.app,
        environment=endpoint.environment,
        type=event_type.name,
        organization_id=endpoint.organization_id,
        payload=payload,
        occurred_at=now,
        test=True,
        created_at=now,
        dispatched_at=now,
    )


def _create(endpoint: Endpoint, event: Event) -> Delivery:
    """The event, and its only delivery."""
    event.save(force_insert=True)
    return Delivery.objects.create(
        event=event,
        endpoint=endpoint,
        app=endpoint.app,
        environment=endpoint.environment,
        event_type=event.type,
        test=True,
        due_at=event.created_at,
        turn=Turn.URGENT,
        created_at=event.created_at,
    )


def _refuse_over_limit(app: App) -> None:
    limit = settings.WEBHOOKS_TEST_SENDS_PER_MINUTE
    if limit:
        # The app's row is the lock under which test sends are counted.
        App.objects.select_for_update(no_key=True).get(pk=app.pk)
        recent = Event.objects.filter(app=app, test=True, created_at__gt=timezone.now() - _MINUTE)
        if recent.count() >= limit:
            raise LimitReached(
                f"{limit} test sends a minute are allowed: wait a moment.", retry_after=60, code="too_many_test_sends"
            )
