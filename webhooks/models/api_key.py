import datetime as dt
from enum import StrEnum

from django.db import models

from switera_webhooks.environments import Environment
from switera_webhooks.ids import Prefix, new_id, to_public_id
from webhooks.models.app import App


class ApiKeyState(StrEnum):
    ACTIVE = "active"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    REVOKED = "revoked"


class ApiKey(models.Model):
    """A key of the REST API. Only a digest is kept; prefix and last four let a person tell keys apart (S30)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="api_keys")
    environment = models.CharField(max_length=8, choices=Environment)
    # SHA-256 of the key, 32 bytes. Unique: the one indexed look-up of authentication.
    digest = models.BinaryField(max_length=32, unique=True)
    prefix = models.CharField(max_length=16)
    last4 = models.CharField(max_length=4)
    created_at = models.DateTimeField(auto_now_add=True)
    # Who made it, as the audit log names them; null of keys that are older than this column.
    created_by_name = models.CharField(max_length=254, null=True)  # noqa: DJ001 (unknown is not nobody)
    last_used_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(environment__in=Environment.values), name="api_key_environment_known"
            ),
        ]

    def __str__(self) -> str:
        return self.masked

    @property
    def public_id(self) -> str:
        return to_public_id(Prefix.API_KEY, self.id)

    @property
    def masked(self) -> str:
        """What may be shown of the key: `sk_live_…3f9a`."""
        return f"{self.prefix}…{self.last4}"

    def state_at(self, now: dt.datetime) -> ApiKeyState:
        """Active and expiring keys work; a key expires some time after it was rotated."""
        if self.revoked_at is not None:
            return ApiKeyState.REVOKED
        if self.expires_at is None:
            return ApiKeyState.ACTIVE
        return ApiKeyState.EXPIRED if self.expires_at <= now else ApiKeyState.EXPIRING
