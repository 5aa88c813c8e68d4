from django.db import models

from switera_webhooks.environments import Environment
from switera_webhooks.ids import Prefix, new_id, to_public_id
from webhooks.models.app import App
from webhooks.models.organization import Organization


class DisabledReason(models.TextChoices):
    """Why an endpoint is disabled: by a person, by its own 410, or by nothing but failures for too long."""

    MANUAL = "manual"
    GONE = "gone"
    SUSTAINED_FAILURE = "sustained_failure"


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    def in_scope(self, app: App, environment: str) -> "EndpointQuerySet":
        """What a key or a page of this app and environment may see: nothing else, nothing deleted (S33)."""
        return self.filter(app=app, environment=environment, deleted_at=None)


class Endpoint(models.Model):
    """HTTPS destination that receives webhook messages.

    A deleted endpoint keeps its row, without secrets and header values, for the sake of its history.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="endpoints", db_index=False)
    environment = models.CharField(max_length=8, choices=Environment)
    # Without one it receives the events of every organization: so no organization goes and leaves its endpoints behind.
    organization = models.ForeignKey(Organization, on_delete=models.RESTRICT, null=True, related_name="endpoints")
    name = models.CharField(max_length=200, blank=True)
    description = models.TextField(blank=True)
    url = models.CharField(max_length=2048)
    # Patterns: `order.paid`, `order.*`, `*` (events/catalog/patterns.py).
    event_types = models.JSONField(default=list)
    # {name: encrypted value} (S25).
    headers = models.JSONField(default=dict)
    metadata = models.JSONField(default=dict)
    # Deliveries a second; none is as fast as the endpoint takes them.
    rate_limit = models.PositiveIntegerField(null=True)
    disabled_at = models.DateTimeField(null=True)
    disabled_reason = models.CharField(max_length=20, choices=DisabledReason, null=True)  # noqa: DJ001 (null with disabled_at)
    # Grows with every change of what a worker keeps in memory (URL, headers, secrets): the next claim sees it.
    version = models.PositiveIntegerField(default=1)
    # The database's clock: an event goes to the endpoints that existed when it was emitted.
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True)

    objects = EndpointQuerySet.as_manager()

    class Meta:
        indexes = [
            # The engine's fan-out, and an app's list of endpoints, newest first.
            models.Index(
                fields=["app", "environment", "-id"],
                condition=models.Q(deleted_at=None),
                name="endpoint_of_app",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(environment__in=Environment.values), name="endpoint_environment_known"
            ),
            models.CheckConstraint(
                condition=models.Q(disabled_at=None, disabled_reason=None)
                | models.Q(disabled_at__isnull=False, disabled_reason__in=DisabledReason.values),
                name="endpoint_disabled_with_reason",
            ),
            models.CheckConstraint(
                condition=models.Q(rate_limit=None) | models.Q(rate_limit__gte=1),
                name="endpoint_rate_limit_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.url

    @property
    def public_id(self) -> str:
        return to_public_id(Prefix.ENDPOINT, self.id)

    @property
    def enabled(self) -> bool:
        return self.disabled_at is None


class EndpointSecret(models.Model):
    """Signs what the endpoint receives. During a rotation the old one has an expiry, and both sign."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="secrets")
    # `whsec_…` under WEBHOOKS_ENCRYPTION_KEYS (S29).
    ciphertext = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint"],
                condition=models.Q(expires_at=None),
                name="endpoint_secret_one_current",
            ),
        ]

    def __str__(self) -> str:
        return f"secret of {self.endpoint_id}"
