from django.db import models
from django.db.models import Q

from events.catalog.patterns import OPT_IN_PREFIX
from events.models import Event
from switera_webhooks.environments import Environment
from switera_webhooks.ids import Prefix, new_id, to_public_id
from webhooks.models import App, Endpoint


class DeliveryStatus(models.TextChoices):
    """`pending` waits for its first attempt or a retry; `sending` is leased to a worker."""

    PENDING = "pending"
    SENDING = "sending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class Turn(models.IntegerChoices):
    """What goes out before what on its lane; a quarter of the room is kept for retries."""

    URGENT = 0  # test sends, and what a person tries again now
    FRESH = 1  # first attempts
    RETRY = 2  # retries and replays


class Delivery(models.Model):
    """One event on its way to one endpoint: the row is the queue entry, the state and the summary.

    A pending delivery is held while its endpoint is disabled, unless it is a test send; that is not stored here
    but on the lane, so that disabling an endpoint with a backlog of a million writes one row.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    # Copies of the event's and the endpoint's, so that an app's lists and filters need no join. The endpoint's own
    # constraint holds the app too: a second check of each row would cost fan-out as much again.
    app = models.ForeignKey(
        App, on_delete=models.CASCADE, related_name="deliveries", db_index=False, db_constraint=False
    )
    environment = models.CharField(max_length=8, choices=Environment)
    event_type = models.CharField(max_length=128)
    test = models.BooleanField(default=False)

    status = models.CharField(max_length=10, choices=DeliveryStatus, default=DeliveryStatus.PENDING)
    # When the next attempt is due; set while pending, and then alone.
    due_at = models.DateTimeField(null=True)
    turn = models.PositiveSmallIntegerField(choices=Turn, default=Turn.FRESH)
    # Attempts on record, lost ones included.
    attempt_count = models.PositiveIntegerField(default=0)
    # Failures counted against the retry schedule; a retry by hand starts it anew.
    schedule_position = models.PositiveSmallIntegerField(default=0)
    # Workers lost in a row with this delivery in hand (S43).
    lost_count = models.PositiveSmallIntegerField(default=0)
    # Who is sending, and until when nobody else may.
    lease = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)

    last_attempt_at = models.DateTimeField(null=True)
    response_status = models.PositiveSmallIntegerField(null=True)
    # One of deliveries.error_codes.ErrorCode, empty without a failure.
    error_code = models.CharField(max_length=20, blank=True)
    error = models.TextField(blank=True)
    # When it failed for good; null again once it succeeds. A retry or replay by hand leaves it.
    failed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "deliveries"
        indexes = [
            # Claim: the due deliveries of one lane by turn, oldest first. Also the count of held ones, and
            # health: does one wait for a retry?
            models.Index(fields=["endpoint", "turn", "due_at"], condition=Q(status="pending"), name="delivery_due"),
            # Sweep: leases that ran out.
            models.Index(fields=["leased_until"], condition=Q(status="sending"), name="delivery_leased"),
            # An app's list of deliveries, newest first.
            models.Index(fields=["app", "environment", "-id"], name="delivery_of_app"),
            # The same of those that failed: they are few among many, and what tries all of them again walks along it.
            models.Index(fields=["app", "environment", "-id"], condition=Q(status="failed"), name="delivery_failed"),
            # An endpoint's list.
            models.Index(fields=["endpoint", "-id"], name="delivery_of_endpoint"),
        ]
        constraints = [
            # (event, endpoint) is one delivery for ever. Also the list of an event's deliveries.
            models.UniqueConstraint(fields=["event", "endpoint"], name="delivery_once_per_endpoint"),
            models.CheckConstraint(condition=Q(status__in=DeliveryStatus.values), name="delivery_status_known"),
            models.CheckConstraint(
                condition=Q(status="pending", due_at__isnull=False) | (~Q(status="pending") & Q(due_at=None)),
                name="delivery_due_while_pending",
            ),
            models.CheckConstraint(
                condition=Q(status="sending", lease__isnull=False, leased_until__isnull=False)
                | (~Q(status="sending") & Q(lease=None, leased_until=None)),
                name="delivery_leased_while_sending",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.public_id}"

    @property
    def public_id(self) -> str:
        return to_public_id(Prefix.DELIVERY, self.id)

    @property
    def tells(self) -> bool:
        """Whether events tell how it ends: not of a test send, nor of an event of the `webhook` family (S40)."""
        return not self.test and not self.event_type.startswith(OPT_IN_PREFIX)
