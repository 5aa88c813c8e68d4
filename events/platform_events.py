"""Emitting with the platform key: built-in events, for any app, by Switera's own services (catalog.md).

Their idempotency keys are their own: none meets a Builder's in the same app.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.db import transaction

from events.catalog.built_in import is_built_in_family
from events.emit import (
    EmitRequest,
    batch_refusal,
    check_batch_size,
    check_idempotency_key,
    emit,
    emit_batch,
    reserved_key,
)
from events.models import Event
from switera_webhooks.refusals import Forbidden, Missing, Refusal
from webhooks.models import App


@dataclass(frozen=True)
class PlatformRequest:
    """One event to be emitted, and where."""

    app_id: uuid.UUID
    environment: str
    event: EmitRequest


def emit_for_platform(request: PlatformRequest) -> Event:
    """Emit one built-in event.

    Raises as `emit`; Forbidden for a Builder's type, Missing for an app that is not there.
    """
    app, asked = _checked(request, _apps([request]))
    return emit(
        app,
        asked.type,
        asked.data,
        environment=request.environment,
        organization_id=asked.organization_id,
        timestamp=asked.timestamp,
        idempotency_key=asked.idempotency_key,
    )


def emit_batch_for_platform(requests: Sequence[PlatformRequest]) -> list[Event]:
    """Emit up to 1,000 built-in events of whatever apps, all or none, answered in the same order.

    Raises as `emit_batch` and `emit_for_platform`.
    """
    check_batch_size(requests)
    apps = _apps(requests)
    refusals: dict[str, Refusal] = {}
    groups: dict[tuple[uuid.UUID, str], dict[int, EmitRequest]] = {}
    for index, request in enumerate(requests):
        try:
            app, asked = _checked(request, apps)
        except Refusal as refusal:
            refusals[str(index)] = refusal
            continue
        groups.setdefault((app.pk, request.environment), {})[index] = asked
    if refusals:
        raise batch_refusal(refusals)
    events: dict[int, Event] = {}
    with transaction.atomic():
        # Always in this order: two batches of the same apps and idempotency keys wait for each other one way only.
        for (app_id, environment), group in sorted(groups.items(), key=lambda item: item[0]):
            try:
                emitted = emit_batch(apps[app_id], environment, list(group.values()))
            except Refusal as refusal:
                raise _renumbered(refusal, list(group)) from refusal
            events.update(zip(group, emitted, strict=True))
    return [events[index] for index in range(len(requests))]


def _apps(requests: Sequence[PlatformRequest]) -> dict[uuid.UUID, App]:
    return App.objects.filter(deleting_since=None).in_bulk({request.app_id for request in requests})


def _checked(request: PlatformRequest, apps: Mapping[uuid.UUID, App]) -> tuple[App, EmitRequest]:
    asked = request.event
    app = apps.get(request.app_id)
    if app is None:
        raise Missing("app_id names no app.", details={"app_id": ["No such app."]})
    if not is_built_in_family(asked.type):
        # A Builder's events are what the Builder's own product says, with a key of the app.
        raise Forbidden(
            "The platform key emits built-in event types only: an app's own types are emitted with a key of that app.",
            code="builders_event_type",
            details={"type": ["This family is not built in."]},
        )
    if asked.idempotency_key is not None:
        check_idempotency_key(asked.idempotency_key)
        asked = replace(asked, idempotency_key=reserved_key(asked.idempotency_key))
    return app, asked


def _renumbered(refusal: Refusal, indexes: Sequence[int]) -> Refusal:
    """The refusal of one app's share, by the numbers that its events have in the whole batch."""
    problems = refusal.details["events"]
    if not isinstance(problems, dict):
        return refusal
    by_number = {str(indexes[int(number)]): problem for number, problem in problems.items()}
    number, first = next(iter(by_number.items()))
    return refusal.__class__(f"Event {number}: {first['message']}", code=refusal.code, details={"events": by_number})
