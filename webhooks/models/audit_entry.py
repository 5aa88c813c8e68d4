from django.db import models

from switera_webhooks.environments import Environment
from switera_webhooks.ids import Prefix, new_id, to_public_id
from webhooks.models.app import App


class AuditEntry(models.Model):
    """Who changed, revealed or started what (S46). Written by webhooks.audit.record, never changed."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="audit_entries", db_index=False)
    # Of what the action was about; what both environments share (members, event types, the app itself) is in live.
    environment = models.CharField(max_length=8, choices=Environment, default=Environment.LIVE)
    action = models.CharField(max_length=64)
    actor_type = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_name = models.CharField(max_length=254, blank=True)
    target_type = models.CharField(max_length=32)
    target_id = models.CharField(max_length=200)
    target_name = models.CharField(max_length=200, blank=True)
    # {field: [before, after]}, and plain facts beside them; secrets are redacted before they come here.
    changes = models.JSONField(default=dict)
    ip = models.GenericIPAddressField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            # The audit log, newest first: all of it, one action's, one actor's (webhooks/audit_log.py).
            models.Index(fields=["app", "environment", "-id"], name="audit_of_app_environment"),
            models.Index(fields=["app", "environment", "action", "-id"], name="audit_of_action"),
            models.Index(fields=["app", "environment", "actor_id", "-id"], name="audit_of_actor"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(environment__in=Environment.values), name="audit_entry_environment_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name or self.actor_type} {self.action} {self.target_name or self.target_id}"

    @property
    def public_id(self) -> str:
        return to_public_id(Prefix.AUDIT_ENTRY, self.id)
