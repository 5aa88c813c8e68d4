from django.db import models

from switera_webhooks.ids import Prefix, new_id, to_public_id
from webhooks.models.app import App


class OrganizationState(models.TextChoices):
    ACTIVE = "active"
    SUSPENDED = "suspended"


class Organization(models.Model):
    """A customer account inside an app. An endpoint that belongs to one receives only its events."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="organizations", db_index=False)
    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=80)
    state = models.CharField(max_length=16, choices=OrganizationState, default=OrganizationState.ACTIVE)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            # Also the index of an app's list of organizations.
            models.UniqueConstraint(fields=["app", "slug"], name="organization_slug_once_per_app"),
            models.CheckConstraint(
                condition=models.Q(state__in=OrganizationState.values), name="organization_state_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        return to_public_id(Prefix.ORGANIZATION, self.id)
