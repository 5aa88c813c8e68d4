import datetime as dt
from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from switera_webhooks.ids import Prefix, new_id, to_public_id
from webhooks.models.organization import Organization


class InvitationState(models.TextChoices):
    PENDING = "pending"
    ACCEPTED = "accepted"
    REVOKED = "revoked"
    EXPIRED = "expired"


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> Self:
        """Those that can be accepted now."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), state=InvitationState.PENDING)


class Invitation(models.Model):
    """Somebody asked to join an organization. The Builder's own product writes to them, and says when they accept."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="invitations", db_index=False)
    email = models.CharField(max_length=254)
    role = models.CharField(max_length=64)
    # A BCP 47 tag; empty where the Builder's product decides.
    locale = models.CharField(max_length=35, blank=True)
    state = models.CharField(max_length=16, choices=InvitationState, default=InvitationState.PENDING)
    # The Builder's or the key's id; empty where a command or the system invited.
    invited_by = models.CharField(max_length=64, blank=True)
    # None: it can be accepted for ever.
    expires_at = models.DateTimeField(null=True)
    # When it was accepted, revoked, or ran out.
    ended_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        indexes = [
            # An organization's list of invitations, newest first.
            models.Index(fields=["organization", "-id"], name="invitation_of_organization"),
            # What has run out (expire_invitations).
            models.Index(
                fields=["expires_at"], condition=Q(state=InvitationState.PENDING), name="invitation_running_out"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                "organization",
                Lower("email"),
                condition=Q(state=InvitationState.PENDING),
                name="invitation_once_pending",
            ),
            models.CheckConstraint(condition=Q(state__in=InvitationState.values), name="invitation_state_known"),
            models.CheckConstraint(
                condition=Q(state=InvitationState.PENDING, ended_at=None)
                | (~Q(state=InvitationState.PENDING) & Q(ended_at__isnull=False)),
                name="invitation_ended_unless_pending",
            ),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def public_id(self) -> str:
        return to_public_id(Prefix.INVITATION, self.id)

    def has_run_out(self, now: dt.datetime) -> bool:
        """Whether its time is over; the column `state` says so within a minute, with the event."""
        return self.expires_at is not None and self.expires_at <= now

    @property
    def shown_state(self) -> str:
        """`expired` from the moment on at which a pending one runs out, whenever it is told."""
        return InvitationState.EXPIRED.value if self._is_over else self.state

    @property
    def shown_ended_at(self) -> dt.datetime | None:
        """When it was accepted, revoked, or ran out."""
        return self.expires_at if self._is_over else self.ended_at

    @property
    def _is_over(self) -> bool:
        return self.state == InvitationState.PENDING and self.has_run_out(timezone.now())
