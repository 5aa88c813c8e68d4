"""Emitting: one committed row an event, in the caller's own transaction. Everything else is the engine's work.

    with transaction.atomic():
        order.save()
        emit(app, "order.paid", {"order_id": order.id})

Either both are there afterwards, or neither. Fan-out to endpoints happens in the engine, so that emitting waits
for no endpoint's lane (measured: emission that touches lanes waits for their locks).
"""

import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, cast

from django.db import connection, models, transaction
from django.utils import timezone

from events import event_rows, known_types
from events.catalog.built_in import is_built_in_family
from events.catalog.patterns import OPT_IN_PREFIX
from events.event_data import check_event_data
from events.known_types import KnownType
from events.models import Event
from events.payload import Envelope, build_payload
from switera_webhooks.environments import Environment
from switera_webhooks.ids import Prefix, from_public_id, new_id
from switera_webhooks.nudge import nudge
from switera_webhooks.refusals import Conflict, Forbidden, InvalidInput, Refusal
from switera_webhooks.times import iso
from webhooks.models import App, Organization

MAX_BATCH = 1_000
_APP = cast("models.ForeignKey[App, App]", Event._meta.get_field("app"))
MAX_IDEMPOTENCY_KEY = 255
# No Builder's key begins so: theirs are printable.
_RESERVED = "\x01"


@dataclass(frozen=True)
class EmitRequest:
    """One event to be emitted; `timestamp` (aware) is when it occurred, now where none is given."""

    type: str
    data: object
    timestamp: dt.datetime | None = None
    organization_id: uuid.UUID | None = None
    idempotency_key: str | None = None


def emit(
    app: App,
    type: str,
    data: object,
    *,
    environment: str = Environment.LIVE,
    organization_id: uuid.UUID | None = None,
    timestamp: dt.datetime | None = None,
    idempotency_key: str | None = None,
    builders_only: bool = False,
) -> Event:
    """Emit one event in the caller's transaction; the same idempotency key gives the same event (S42).

    Raises InvalidInput (unknown type, data against the type's schema, unknown organization), Forbidden (a
    built-in type with `builders_only`), TooLarge (S28), Conflict (the key was used for something else; the app is being
    deleted).
    """
    request = EmitRequest(type, data, timestamp, organization_id, idempotency_key)
    return _emit_all(app, environment, [request], builders_only)[0]


def emit_batch(
    app: App, environment: str, requests: Sequence[EmitRequest], *, builders_only: bool = False
) -> list[Event]:
    """Emit up to 1,000 events, all or none, answered in the same order.

    Raises as `emit`; `details` is {"events": {index: details}} for the events that are refused.
    """
    check_batch_size(requests)
    return _emit_all(app, environment, requests, builders_only, in_batch=True)


def check_batch_size(requests: Sequence[object]) -> None:
    """Raises InvalidInput for none, or more than a batch holds."""
    if not 1 <= len(requests) <= MAX_BATCH:
        raise InvalidInput(
            f"A batch holds 1 to {MAX_BATCH:,} events.", details={"events": [f"Give 1 to {MAX_BATCH:,} events."]}
        )


def reserved_key(text: str) -> str:
    """An idempotency key of the product's own, which meets none of a Builder's in the same app, whatever its text."""
    return _RESERVED + hashlib.sha256(text.encode()).hexdigest()


def _emit_all(
    app: App, environment: str, requests: Sequence[EmitRequest], builders_only: bool, *, in_batch: bool = False
) -> list[Event]:
    if app.deleting_since is not None:
        raise Conflict("This app is being deleted: nothing is emitted any more.", code="app_deleted")
    names = {request.type for request in requests}
    organizations = _organizations(app, {r.organization_id for r in requests if r.organization_id is not None})
    now = timezone.now()

    def made_of(types: Mapping[str, KnownType]) -> list[Event]:
        return _made(app, environment, requests, types, organizations, now, builders_only, in_batch)

    # A single statement is a transaction by itself; a batch may insert some and then find that a key was used.
    by_itself = connection.get_autocommit() and not (in_batch and any(r.idempotency_key is not None for r in requests))
    with nullcontext() if by_itself else transaction.atomic():
        events: list[Event] = []
        created: set[uuid.UUID] = set()
        if types := known_types.remembered(app, names):
            try:
                events = made_of(types)
                created = event_rows.insert(events, types)
            except Refusal:  # perhaps by a schema that is not there any more
                pass
        if not created:
            # Types that are new here, or not any more as remembered; or events that were emitted before.
            types = known_types.read(app, names)
            events = made_of(types)
            if all(known.emitted for known in types.values()):
                created = event_rows.insert(events, None)
            else:
                with transaction.atomic():
                    known_types.mark_emitted(types.values())
                    events = made_of(known_types.read(app, names))
                    created = event_rows.insert(events, None)
        if len(created) < len(events):
            events = _with_repeats(app, environment, events, created, in_batch)
        nudge()
    return events


def _made(
    app: App,
    environment: str,
    requests: Sequence[EmitRequest],
    types: Mapping[str, KnownType],
    organizations: set[uuid.UUID],
    now: dt.datetime,
    builders_only: bool,
    in_batch: bool,
) -> list[Event]:
    events: list[Event] = []
    refusals: dict[str, Refusal] = {}
    for index, request in enumerate(requests):
        try:
            events.append(_checked(app, environment, request, types, organizations, now, builders_only))
        except Refusal as refusal:
            if not in_batch:
                raise
            refusals[str(index)] = refusal
    if refusals:
        raise batch_refusal(refusals)
    return events


def batch_refusal(refusals: Mapping[str, Refusal]) -> Refusal:
    """One refusal for a batch: the first one's kind and sentence, details by index for the first ten."""
    index, first = next(iter(refusals.items()))
    details = {number: {"code": r.code, "message": r.message, **r.details} for number, r in list(refusals.items())[:10]}
    return first.__class__(f"Event {index}: {first.message}", code=first.code, details={"events": details})


def _organizations(app: App, ids: set[uuid.UUID]) -> set[uuid.UUID]:
    if not ids:
        return set()
    return set(Organization.objects.filter(app=app, pk__in=ids).values_list("pk", flat=True))


def _checked(
    app: App,
    environment: str,
    request: EmitRequest,
    types: Mapping[str, KnownType],
    organizations: set[uuid.UUID],
    now: dt.datetime,
    builders_only: bool,
) -> Event:
    if builders_only and is_built_in_family(request.type):
        raise Forbidden(
            "Built-in event types are emitted by the product itself: use a type of your own.",
            code="built_in_event_type",
            details={"type": ["This family is built in."]},
        )
    event_type = types.get(request.type)
    if event_type is None:
        raise InvalidInput(
            f"{request.type[:128]!r} is not in the event catalog: define it first.",
            code="unknown_event_type",
            details={"type": ["Not in the event catalog."]},
        )
    if request.organization_id is not None and request.organization_id not in organizations:
        raise InvalidInput(
            "organization_id names no organization of this app.",
            details={"organization_id": ["No such organization."]},
        )
    occurred_at = _occurred_at(request.timestamp, now)
    event_id = new_id()
    payload = build_payload(
        Envelope(event_id, event_type.name, occurred_at, app, environment, request.organization_id), request.data
    )
    # After the size: what a schema may cost is bounded for payloads that may be sent (S41b).
    check_event_data(event_type, request.data)
    digest = None
    if request.idempotency_key is not None:
        if builders_only or not request.idempotency_key.startswith(_RESERVED):
            check_idempotency_key(request.idempotency_key)
        digest = _digest(request, payload)
    columns: list[Any] = [
        event_id,
        app.pk,
        environment,
        event_type.name,
        request.organization_id,
        payload,
        occurred_at,
        False,
        request.idempotency_key,
        digest,
        _about_endpoint(event_type.name, request.data),
    ]
    # In the order of the model's fields: by name it takes twice as long.
    event = Event(*columns)  # type: ignore[misc]  # (the plugin takes the list for one value)
    _APP.set_cached_value(event, app)
    return event


def _about_endpoint(event_type: str, data: object) -> uuid.UUID | None:
    """The endpoint that an event of the opt-in family tells of: fan-out leaves that one out (S40)."""
    if not event_type.startswith(OPT_IN_PREFIX) or not isinstance(data, Mapping):
        return None
    return from_public_id(Prefix.ENDPOINT, str(data.get("endpoint_id")))


def _occurred_at(timestamp: dt.datetime | None, now: dt.datetime) -> dt.datetime:
    if timestamp is None:
        return now
    try:
        if timestamp.tzinfo is None:
            raise ValueError
        return timestamp.astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            "timestamp must be a time with its offset, such as 2026-01-31T12:00:00Z.",
            details={"timestamp": ["Give a time with its offset."]},
        ) from error


def check_idempotency_key(key: str) -> None:
    """Raises InvalidInput where a caller's key is malformed."""
    if not 1 <= len(key) <= MAX_IDEMPOTENCY_KEY or not key.isprintable():
        raise InvalidInput(
            f"An idempotency key has 1 to {MAX_IDEMPOTENCY_KEY} printable characters.",
            details={"idempotency_key": [f"Give 1 to {MAX_IDEMPOTENCY_KEY} printable characters."]},
        )


def _digest(request: EmitRequest, payload: str) -> bytes:
    """What the caller asked for, the same whatever the order of keys."""
    asked = [
        request.type,
        json.loads(payload)["data"],
        request.timestamp and iso(request.timestamp),
        request.organization_id and str(request.organization_id),
    ]
    return hashlib.sha256(json.dumps(asked, sort_keys=True, separators=(",", ":")).encode()).digest()


def _with_repeats(
    app: App, environment: str, made: Sequence[Event], created: set[uuid.UUID], in_batch: bool
) -> list[Event]:
    """The events made, and in place of each that has an idempotency key that is there already, the one that has it."""
    keys = [event.idempotency_key for event in made if event.pk not in created]
    known = {
        event.idempotency_key: event
        for event in Event.objects.filter(app=app, environment=environment, idempotency_key__in=keys)
    }
    events: list[Event] = []
    for index, asked in enumerate(made):
        if asked.pk in created:
            events.append(asked)
            continue
        event = known[asked.idempotency_key]
        if bytes(event.request_digest or b"") != asked.request_digest:
            conflict = Conflict(
                "This idempotency key was used for a different event: use a new key.",
                code="idempotency_conflict",
                details={"idempotency_key": ["Used for a different event."]},
            )
            raise batch_refusal({str(index): conflict}) if in_batch else conflict
        events.append(event)
    return events
