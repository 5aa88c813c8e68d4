"""Starting and canceling replays; the work itself is in deliveries/replay_batches.py.

What a replay comes to is decided when it is started: it goes through what was there then, each once, oldest first.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from deliveries.delivery_filter import DeliveryFilter
from deliveries.models import Replay, ReplayKind, ReplayStatus
from deliveries.replay_matches import matching_deliveries, matching_events
from switera_webhooks.database import database_now, use_indexes
from switera_webhooks.refusals import Conflict, InvalidInput, LimitReached
from webhooks import audit
from webhooks.audit import Actor
from webhooks.models import App, Endpoint


def start_replay(app: App, environment: str, kind: ReplayKind, filters: DeliveryFilter, actor: Actor) -> Replay:
    """Have workers send again what the filter lets through; the same one, while it runs, is the same job (S41).

    `failed`, `canceled` and `succeeded` are deliveries in that state, `filters` those of the list of deliveries.
    `missing` and `all` are about one endpoint's events: the filter has an `endpoint_id`, and may have an `event_type`
    and the window in which they were emitted. Without `before` the window ends now.

    Raises InvalidInput (a filter), Conflict (the endpoint is deleted), LimitReached (WEBHOOKS_REPLAY_MAX); then
    nothing has changed.
    """
    endpoint = _check(app, environment, kind, filters)
    fingerprint = _fingerprint(kind, filters)
    with transaction.atomic():
        same = Replay.objects.filter(app=app, environment=environment, fingerprint=fingerprint)
        if running := same.active().first():
            return running
        now = database_now()
        filters = _as_it_runs(kind, filters)
        filters = dataclasses.replace(filters, before=min(filters.before or now, now))
        count = _count(app, environment, kind, filters, endpoint)
        _refuse_over_limit(count)
        ended = not count
        replay = Replay(
            app=app,
            environment=environment,
            kind=kind,
            filters=filters.to_json(),
            fingerprint=fingerprint,
            status=ReplayStatus.COMPLETED if ended else ReplayStatus.QUEUED,
            count=count,
            started_by=actor.name[:254],
            created_at=now,
            finished_at=now if ended else None,
        )
        try:
            with transaction.atomic():
                replay.save(force_insert=True)
        except IntegrityError:  # somebody else started it at this moment
            return same.latest("created_at")
        _record(replay, actor, "replay.started", {"kind": kind.value, "count": count, **filters.to_json()})
    return replay


def cancel_replay(replay: Replay, actor: Actor) -> Replay:
    """Go no further; what it has made pending stays so. Raises Conflict where it has ended."""
    with transaction.atomic():
        canceled = (
            Replay.objects.active()
            .filter(pk=replay.pk)
            .update(status=ReplayStatus.CANCELED, finished_at=database_now())
        )
        if not canceled:
            raise Conflict("This replay has ended already.", code="replay_ended")
        replay.refresh_from_db()
        _record(replay, actor, "replay.canceled", {"progress": replay.progress, "count": replay.count})
    return replay


def count_matching(app: App, environment: str, kind: ReplayKind, filters: DeliveryFilter) -> int:
    """How many deliveries such a replay would come to; no further than one more than it may have.

    Raises InvalidInput and Conflict as start_replay does.
    """
    endpoint = _check(app, environment, kind, filters)
    with transaction.atomic():
        return _count(app, environment, kind, _as_it_runs(kind, filters), endpoint)


def _check(app: App, environment: str, kind: ReplayKind, filters: DeliveryFilter) -> Endpoint | None:
    """The endpoint that the filter names. Raises InvalidInput and Conflict."""
    if filters.after is not None and filters.before is not None and filters.after >= filters.before:
        raise _wrong("before", "before must be later than after.")
    if filters.status not in (None, kind):
        raise _wrong("status", f"A replay of this kind is of {kind.value} deliveries alone.")
    if kind.walks_events and not filters.given.keys() <= {"endpoint_id", "event_type", "test", "after", "before"}:
        raise InvalidInput(f"The kind {kind.value} goes by endpoint, event type and time alone.")
    if filters.endpoint_id is None:
        if kind.walks_events:
            raise _wrong("endpoint_id", f"Name the endpoint: the kind {kind.value} is about one.")
        return None
    endpoint = Endpoint.objects.filter(app=app, environment=environment, pk=filters.endpoint_id).first()
    if endpoint is None:
        raise _wrong("endpoint_id", "There is no such endpoint in this app and environment.")
    if endpoint.deleted_at is not None:
        raise Conflict("This endpoint is deleted: nothing can be sent to it any more.", code="endpoint_deleted")
    return endpoint


def _wrong(field: str, sentence: str) -> InvalidInput:
    return InvalidInput(sentence, details={field: [sentence]})


def _as_it_runs(kind: ReplayKind, filters: DeliveryFilter) -> DeliveryFilter:
    """With the state that this kind is about; test sends are nobody's missing events."""
    if kind.walks_events:
        return dataclasses.replace(filters, test=False)
    return dataclasses.replace(filters, status=kind.value)


def _fingerprint(kind: ReplayKind, filters: DeliveryFilter) -> str:
    """Of what was asked for, not of the moment: asked again without `before`, it is the same."""
    asked = [kind.value, _as_it_runs(kind, filters).to_json()]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _count(app: App, environment: str, kind: ReplayKind, filters: DeliveryFilter, endpoint: Endpoint | None) -> int:
    use_indexes()
    found: QuerySet[Any] = (
        matching_events(endpoint, kind, filters)
        if kind.walks_events and endpoint is not None
        else matching_deliveries(app.pk, environment, filters)
    )
    most = settings.WEBHOOKS_REPLAY_MAX
    return found[: most + 1].count() if most else found.count()


def _refuse_over_limit(count: int) -> None:
    most = settings.WEBHOOKS_REPLAY_MAX
    if most and count > most:
        raise LimitReached(
            f"More than {most:,} deliveries match, the most for one replay: narrow the filters, or take a shorter time "
            "and replay one after the other.",
            code="replay_too_large",
            retry_after=60,
        )


def _record(replay: Replay, actor: Actor, action: str, changes: Mapping[str, object]) -> None:
    audit.record(
        replay.app,
        actor,
        action,
        target_type="replay",
        target_id=replay.public_id,
        target_name=replay.kind,
        changes=changes,
        environment=replay.environment,
    )
