"""Deleting an app (S32). It is gone for everybody at once; its rows go in the background, with progress.

`delete_app` ends keys and pages, and tells each endpoint that listens: one attempt, within a minute. After that minute
endpoints lose secrets and header values and get nothing more; then events, deliveries and attempts go in the batches
of retention, then all else that refers to the app, and the app itself, with the audit log, last. What was done is
written with each batch, so a worker that is killed repeats nothing and loses nothing.
"""

import datetime as dt
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, models, transaction
from django.db.models import F, Q

from deliveries.engine.drain import retrying
from deliveries.locking import lock_open_lanes
from deliveries.models import AppDeletion, Delivery, EndpointTally, FailureTally, Lane, Replay, ReplayStatus, Turn
from deliveries.retention import ENDPOINTS_AT_ONCE, FIRST_ID, REST_SHARE, delete_events
from events.catalog.patterns import matches
from events.models import Event
from events.sources.app import APP_DELETED, emit_app_deleted
from switera_webhooks.database import database_now, use_indexes
from switera_webhooks.environments import Environment
from switera_webhooks.nudge import nudge
from webhooks import audit
from webhooks.app_setup import lock_app
from webhooks.audit import Actor
from webhooks.models import (
    App,
    Endpoint,
    EndpointSecret,
    Invitation,
    Membership,
    Organization,
    OrganizationDomain,
    OrganizationMember,
)

logger = logging.getLogger(__name__)

# So long endpoints have to hear of it.
NOTICE = dt.timedelta(seconds=60)
# Rows of one kind that a batch deletes: each may have rows of its own.
ROWS_AT_ONCE = 500
# Progress tells of so many at most: to count them takes some seconds.
COUNTED_AT_MOST = 10_000_000
# After so long without a batch, the message that a worker was sent is taken for lost.
LOST_AFTER = dt.timedelta(seconds=10)


def delete_app(app: App, actor: Actor) -> AppDeletion:
    """From now on nobody finds the app; what it owns goes in the background. Raises Conflict where that has begun."""
    with transaction.atomic():
        app = lock_app(app)
        now = database_now()
        told = sum(_tell_endpoints(app, environment, now) for environment in Environment.values)
        app.deleting_since = now
        app.save(update_fields=["deleting_since", "updated_at"])
        Replay.objects.active().filter(app=app).update(status=ReplayStatus.CANCELED, finished_at=now)
        audit.record(app, actor, "app.deleted", target_type="app", target_id=app.public_id, target_name=app.name)
        deletion = AppDeletion.objects.create(
            app=app, actor_name=actor.name, started_at=now, endpoints_go_at=now + NOTICE if told else now
        )
        nudge()
    logger.warning("%s is being deleted by %s; %d endpoints are told", app.public_id, actor.name, told)
    return deletion


def will_be_told(app: App) -> int:
    """How many endpoints would get `app.deleted`, if it were deleted now."""
    return sum(len(_listening(app, environment)) for environment in Environment.values)


def _listening(app: App, environment: str) -> list[uuid.UUID]:
    """The enabled endpoints of this environment that are subscribed to an app's end, which is no organization's."""
    enabled = Endpoint.objects.in_scope(app, environment).filter(disabled_at=None, organization=None)
    return [endpoint.pk for endpoint in enabled.only("event_types") if matches(endpoint.event_types, APP_DELETED)]


def _tell_endpoints(app: App, environment: str, now: dt.datetime) -> int:
    """One urgent delivery of `app.deleted` to each enabled endpoint that listens, without a retry; their number.

    Not left to fan-out: there it would wait behind what the app has emitted before.
    """
    event = emit_app_deleted(app, environment, now)
    if event is None:
        return 0
    Event.objects.filter(pk=event.pk).update(dispatched_at=now)
    listening = lock_open_lanes(_listening(app, environment))
    Delivery.objects.bulk_create(
        Delivery(
            event=event,
            endpoint_id=endpoint,
            app=app,
            environment=environment,
            event_type=event.type,
            turn=Turn.URGENT,
            # The schedule is used up: what fails is not tried again.
            schedule_position=len(settings.WEBHOOKS_RETRY_SCHEDULE),
            due_at=now,
            created_at=now,
        )
        for endpoint in listening
    )
    Lane.objects.filter(pk__in=listening).wait_from(Turn.URGENT, now)
    return len(listening)


def work_on_deletions(enough: Callable[[], bool]) -> bool:
    """Delete on, a short transaction a batch, until all is done or `enough` says so after one; whether any is left.

    What another process is at this moment deleting is left to it.
    """
    for key in list(_due().values_list("pk", flat=True)):
        try:
            if _work_on(key, enough):
                return True
        except (OperationalError, InterfaceError):
            raise  # the database is away: the sweep sends for a worker when it is back
        except DatabaseError:
            # Something was written that refers to the app: it is there at the next turn, and goes then.
            logger.exception("An app's deletion was interrupted")
    return False


def deletions_wait() -> bool:
    """Whether a worker has to be sent for. Says so once, and again if that message seems to be lost."""
    due = _due()
    if not due.exists():
        return False
    now = database_now()
    # Whoever works on one takes the others in turn.
    if due.filter(worked_at__gte=now - LOST_AFTER).exists():
        return False
    return due.filter(Q(worked_at=None) | Q(worked_at__lt=now - LOST_AFTER)).update(worked_at=now) > 0


def deletions_are_due() -> bool:
    """Whether some app's rows could be deleted now."""
    return _due().exists()


def _due() -> models.QuerySet[AppDeletion]:
    return AppDeletion.objects.filter(endpoints_go_at__lte=database_now()).order_by("started_at")


def _work_on(key: uuid.UUID, enough: Callable[[], bool]) -> bool:
    """Batches of one app, until it is gone; whether `enough` ended it before.

    What cannot be deleted yet, because it is being sent, is left to a later turn.
    """
    steps = _Steps(key)
    while steps.left:
        started = time.monotonic()
        retrying(partial(_batch, key, steps))
        if steps.left and enough():
            return True
        time.sleep((time.monotonic() - started) * REST_SHARE)
    return False


def _batch(key: uuid.UUID, steps: "_Steps") -> None:
    with transaction.atomic():
        use_indexes()
        free = AppDeletion.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
        deletion = free.select_related("app").filter(pk=key).first()
        if deletion is None:  # somebody else is at it, or has done it
            steps.left = False
            return
        steps.next(deletion)
        if deletion.pk is not None:
            deletion.worked_at = database_now()
            deletion.save(update_fields=["rows", "deleted", "worked_at"])


class _Steps:
    """What one turn does to one app, and how far it has come: a later turn begins again, and finds less."""

    def __init__(self, app: uuid.UUID) -> None:
        self.left = True
        self._app = app
        self._after: dict[str, uuid.UUID | None] = dict.fromkeys(Environment.values, FIRST_ID)
        self._small = _small_tables(app)
        self._rows = next(self._small, None)

    def next(self, deletion: AppDeletion) -> None:
        """Do one batch, and write on `deletion` what it came to; it has no key any more when all is done."""
        if self._close_endpoints():
            return
        if deletion.rows is None:
            deletion.rows = self._count()
            return
        if gone := self._delete_events():
            deletion.deleted += gone
            return
        if Event.objects.filter(app=self._app).exists():
            self.left = False  # in somebody's hands: the next turn is soon
            return
        while self._rows is not None:
            # In whatever order is cheapest: by key the database might look through what all others have.
            keys = list(self._rows.order_by().values_list("pk", flat=True)[:ROWS_AT_ONCE])
            if keys:
                self._rows.filter(pk__in=keys).delete()
                return
            self._rows = next(self._small, None)
        self._end(deletion)

    def _close_endpoints(self) -> bool:
        """Up to 100 endpoints lose what opens doors, and get nothing more; whether there were any."""
        open_ones = Endpoint.objects.filter(app=self._app, deleted_at=None).order_by("pk")
        endpoints = lock_open_lanes(open_ones.values_list("pk", flat=True)[:ENDPOINTS_AT_ONCE])
        if not endpoints:
            return False
        EndpointSecret.objects.filter(endpoint__in=endpoints).delete()
        now = database_now()
        Endpoint.objects.filter(pk__in=endpoints).update(
            deleted_at=now, headers={}, version=F("version") + 1, updated_at=now
        )
        Lane.objects.filter(pk__in=endpoints).update(
            closed=True, urgent_from=None, fresh_from=None, retry_from=None, seq=F("seq") + 1
        )
        return True

    def _delete_events(self) -> int:
        """One batch of events with all that came of them; how many events and deliveries went: 0 at the end."""
        for environment in self._after:
            events = Event.objects.filter(app=self._app, environment=environment)
            while (after := self._after[environment]) is not None:
                pruned, self._after[environment] = delete_events(events, after)
                if pruned.rows:
                    return pruned.events + pruned.deliveries
        return 0

    def _count(self) -> int:
        events = Event.objects.filter(app=self._app)[:COUNTED_AT_MOST].count()
        return events + Delivery.objects.filter(app=self._app)[:COUNTED_AT_MOST].count()

    def _end(self, deletion: AppDeletion) -> None:
        """The app itself, its members and this deletion: nothing is left of it but a line in the operators' log."""
        app, rows, actor = deletion.app, deletion.deleted, deletion.actor_name
        name = app.public_id
        app.delete()
        deletion.pk = None
        self.left = False
        transaction.on_commit(
            partial(logger.warning, "%s, deleted by %s, is gone with %d events and deliveries", name, actor, rows)
        )


def _small_tables(app: uuid.UUID) -> Iterator[models.QuerySet[Any]]:
    """What refers to the app, endpoints first, but for what shows its owners how far its deletion has come."""
    endpoints, organizations = Endpoint.objects.filter(app=app), Organization.objects.filter(app=app)
    yield from _with_parts(endpoints, "endpoint", EndpointTally, FailureTally)
    yield from _with_parts(organizations, "organization", OrganizationMember, Invitation, OrganizationDomain)
    kept = {Endpoint, Event, Delivery, Membership, AppDeletion}
    for relation in App._meta.get_fields(include_hidden=True):
        if isinstance(relation, models.ManyToOneRel) and relation.related_model not in kept:
            yield relation.related_model._default_manager.filter(**{relation.field.name: app})


def _with_parts(owners: models.QuerySet[Any], owner: str, *parts: type[models.Model]) -> Iterator[models.QuerySet[Any]]:
    """Some owners after the others, each time first those parts of theirs of which one may have many, then they.

    Each is deleted before the next is asked for.
    """
    while keys := list(owners.order_by().values_list("pk", flat=True)[:ROWS_AT_ONCE]):
        for part in parts:
            yield part._default_manager.filter(**{f"{owner}__in": keys})
        yield owners.filter(pk__in=keys)
