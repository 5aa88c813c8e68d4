import json

from django.db import models
from django.db.models import Q

from switera_webhooks.environments import Environment
from switera_webhooks.ids import Prefix, new_id, to_public_id
from webhooks.models import App, Organization


class Event(models.Model):
    """One thing that happened, as emitted. The row is the outbox: until `dispatched_at` it has no deliveries.

    `payload` is the exact text that every endpoint gets on every attempt (product.md section 4).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="events", db_index=False)
    environment = models.CharField(max_length=8, choices=Environment)
    type = models.CharField(max_length=128)
    # Kept when the organization is deleted: history stays as it was, and no statement changes a million events.
    organization = models.ForeignKey(
        Organization, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="events", db_index=False
    )
    payload = models.TextField()
    occurred_at = models.DateTimeField()
    test = models.BooleanField(default=False)
    idempotency_key = models.CharField(max_length=255, null=True)  # noqa: DJ001 (none is not the empty key)
    # SHA-256 of what was asked for, to tell a repeat from a conflict (S42). Null without a key.
    request_digest = models.BinaryField(max_length=32, null=True)
    # Of an event of the `webhook` family, the endpoint that it tells of: it is never sent to that one (S40). No foreign
    # key: an endpoint that goes with its history would be looked for in every event.
    about_endpoint_id = models.UUIDField(null=True)
    created_at = models.DateTimeField()
    dispatched_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # The engine's fan-out: what is not dispatched yet, by app, oldest first.
            models.Index(fields=["app", "id"], condition=Q(dispatched_at=None), name="event_undispatched"),
            # An app's list of events, newest first, and the filter by time.
            models.Index(fields=["app", "environment", "-id"], name="event_of_app"),
            # The same filtered by organization.
            models.Index(
                fields=["organization", "environment", "-id"],
                condition=Q(organization__isnull=False),
                name="event_of_organization",
            ),
            # How many test sends an app made within the last minute (limit of test sends).
            models.Index(fields=["app", "created_at"], condition=Q(test=True), name="event_test_sends"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["app", "environment", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="event_idempotency_key_once",
            ),
            models.CheckConstraint(condition=Q(environment__in=Environment.values), name="event_environment_known"),
            models.CheckConstraint(
                condition=Q(idempotency_key=None, request_digest=None)
                | Q(idempotency_key__isnull=False, request_digest__isnull=False),
                name="event_digest_with_key",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.public_id}"

    @property
    def public_id(self) -> str:
        return to_public_id(Prefix.EVENT, self.id)

    @property
    def data(self) -> object:
        """What the emitter gave, read back from the payload."""
        return json.loads(self.data_text)

    @property
    def data_text(self) -> str:
        """The same as it stands in the payload, as its last member: a quote in what comes before is escaped."""
        return self.payload[self.payload.index(',"data":') + len(',"data":') : -1]
