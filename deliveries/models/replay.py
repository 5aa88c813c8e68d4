import datetime as dt
import uuid
from dataclasses import dataclass

from django.db import models
from django.db.models import Q

from deliveries.models.delivery import DeliveryStatus
from switera_webhooks.environments import Environment
from switera_webhooks.ids import Prefix, new_id, to_public_id
from webhooks.models import App


class ReplayKind(models.TextChoices):
    """What is sent again: deliveries in one state, events that an endpoint has no delivery of, or all of its events."""

    FAILED = DeliveryStatus.FAILED.value
    CANCELED = DeliveryStatus.CANCELED.value
    SUCCEEDED = DeliveryStatus.SUCCEEDED.value
    MISSING = "missing"
    ALL = "all"

    @property
    def walks_events(self) -> bool:
        """Whether it goes through the events of one endpoint, not through deliveries in one state."""
        return self in (ReplayKind.MISSING, ReplayKind.ALL)


class ReplayStatus(models.TextChoices):
    """`queued` until its first batch; `failed` where a defect of ours stopped it."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    CANCELED = "canceled"
    FAILED = "failed"


ACTIVE = (ReplayStatus.QUEUED.value, ReplayStatus.RUNNING.value)


class ReplayQuerySet(models.QuerySet["Replay"]):
    def active(self) -> "ReplayQuerySet":
        """Those that have not ended."""
        return self.filter(status__in=ACTIVE)


@dataclass(frozen=True)
class Batch:
    """What one batch of a replay did, how far it went (None: not at all), and whether nothing is left."""

    cursor: uuid.UUID | None
    ended: bool
    retried: int = 0
    created: int = 0
    skipped: int = 0


class Replay(models.Model):
    """A job that makes many deliveries pending again, or for the first time, a batch a transaction (S41).

    Its row changes in the transaction of each batch, so a worker that is killed repeats and loses nothing.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="replays", db_index=False)
    environment = models.CharField(max_length=8, choices=Environment)
    kind = models.CharField(max_length=10, choices=ReplayKind)
    # A DeliveryFilter as JSON. It has a `before`, so what comes to be meanwhile is not walked into.
    filters = models.JSONField(default=dict)
    # SHA-256 of what was asked for: the same again, while it runs, is the same job.
    fingerprint = models.CharField(max_length=64)
    status = models.CharField(max_length=10, choices=ReplayStatus, default=ReplayStatus.QUEUED)

    # Deliveries that it found at its start, and what became of those that it came to.
    count = models.PositiveIntegerField()
    retried = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    # The delivery, or event, up to which all is done.
    cursor = models.UUIDField(null=True)

    # As the audit log names them: a Builder's user name, a key's masked form, a command.
    started_by = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField()
    # The last batch, or the last time that a worker was sent for.
    worked_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = ReplayQuerySet.as_manager()

    class Meta:
        indexes = [
            # An app's list of replays, newest first.
            models.Index(fields=["app", "environment", "-id"], name="replay_of_app"),
        ]
        constraints = [
            # Also how workers find what is to be done: those that have ended are not in it.
            models.UniqueConstraint(
                fields=["app", "environment", "fingerprint"],
                condition=Q(status__in=ACTIVE),
                name="replay_once_while_active",
            ),
            models.CheckConstraint(condition=Q(status__in=ReplayStatus.values), name="replay_status_known"),
            models.CheckConstraint(
                condition=Q(status__in=ACTIVE, finished_at=None)
                | (~Q(status__in=ACTIVE) & Q(finished_at__isnull=False)),
                name="replay_finished_when_ended",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id}"

    @property
    def public_id(self) -> str:
        return to_public_id(Prefix.JOB, self.id)

    @property
    def progress(self) -> int:
        """How many of `count` it has come to."""
        return self.retried + self.created + self.skipped

    def add(self, batch: Batch, now: dt.datetime) -> None:
        """Note what a batch did. The caller holds the row's lock; this saves it."""
        self.retried += batch.retried
        self.created += batch.created
        self.skipped += batch.skipped
        self.cursor = batch.cursor or self.cursor
        self.worked_at = now
        # Some came to match meanwhile, others do not match any more: at the end `progress` is `count`.
        self.count = max(self.count, self.progress)
        if batch.ended:
            self.skipped += self.count - self.progress
            self.status, self.finished_at = ReplayStatus.COMPLETED, now
        else:
            self.status = ReplayStatus.RUNNING
        self.save(
            update_fields=["retried", "created", "skipped", "cursor", "worked_at", "count", "status", "finished_at"]
        )
