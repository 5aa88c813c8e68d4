"""Invitations to an organization: created, accepted (which makes the member), revoked, run out.

Nobody is written to from here. The Builder's product, which hears of each by its events, sends the mail, knows who
opens it, and says who accepted.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from switera_webhooks.refusals import Conflict
from webhooks.audit import SYSTEM, Actor
from webhooks.happenings import tell
from webhooks.models import Invitation, InvitationState, MemberSource, Organization, OrganizationMember
from webhooks.organizations.fields import check_fields
from webhooks.organizations.happenings import (
    InvitationAccepted,
    InvitationCreated,
    InvitationExpired,
    InvitationRevoked,
)
from webhooks.organizations.members import DEFAULT_ROLE, add_organization_member
from webhooks.organizations.records import lock_organization, lock_part, record, save_changes

LIFETIME = dt.timedelta(days=7)
# Some 0.2 s of work.
_EXPIRED_AT_ONCE = 50
_ENDED = {
    InvitationState.ACCEPTED: "was accepted",
    InvitationState.REVOKED: "was revoked",
    InvitationState.EXPIRED: "has run out",
}


@dataclass(frozen=True)
class Expired:
    """How many invitations were ended, and whether some are left."""

    invitations: int
    more: bool


def default_expiry() -> dt.datetime:
    """Until when an invitation can be accepted that says nothing of it."""
    return timezone.now() + LIFETIME


def create_invitation(
    organization: Organization,
    email: str,
    *,
    role: str = DEFAULT_ROLE,
    locale: str = "",
    expires_at: dt.datetime | None,
    actor: Actor,
) -> Invitation:
    """Ask somebody to join; `expires_at` None is for ever. Raises InvalidInput, Conflict (invited, or a member)."""
    given = {"email": email, "role": role, "locale": locale, "expires_at": expires_at}
    check_fields(given)
    with transaction.atomic():
        organization = lock_organization(organization)
        if organization.members.filter(email__iexact=email).exists():
            raise _conflict(f"{email} is a member of this organization already.", "member_exists")
        pending = organization.invitations.filter(state=InvitationState.PENDING, email__iexact=email).first()
        if pending is not None and pending.has_run_out(timezone.now()):
            _expire(pending)
        elif pending is not None:
            raise _conflict(f"{email} is invited already: revoke that invitation first.", "invitation_exists")
        invitation = Invitation.objects.create(organization=organization, invited_by=actor.id, **given)
        record(invitation, actor, "organization.invitation.created", {"email": email, "role": role})
        tell(InvitationCreated(invitation, actor))
    return invitation


def update_invitation(invitation: Invitation, changes: Mapping[str, object], actor: Actor) -> Invitation:
    """Change role, locale or expires_at of a pending one. Raises InvalidInput, Conflict (not pending any more)."""
    check_fields(changes)
    with transaction.atomic():
        invitation = _lock_pending(invitation)
        if changed := save_changes(invitation, changes):
            record(invitation, actor, "organization.invitation.updated", changed)
    return invitation


def accept_invitation(invitation: Invitation, user_id: str, actor: Actor) -> OrganizationMember:
    """The user who accepted becomes a member. Raises InvalidInput, Conflict (not pending, a member already)."""
    with transaction.atomic():
        invitation = _lock_pending(invitation)
        _end(invitation, InvitationState.ACCEPTED, timezone.now())
        member = add_organization_member(
            invitation.organization,
            user_id,
            invitation.email,
            role=invitation.role,
            source=MemberSource.INVITATION,
            actor=actor,
        )
        record(invitation, actor, "organization.invitation.accepted", {"user_id": user_id, "role": invitation.role})
        tell(InvitationAccepted(invitation, member, actor))
    return member


def revoke_invitation(invitation: Invitation, actor: Actor) -> Invitation:
    """Withdraw it before it is accepted. Raises Conflict (not pending any more)."""
    with transaction.atomic():
        invitation = _lock_pending(invitation)
        _end(invitation, InvitationState.REVOKED, timezone.now())
        record(invitation, actor, "organization.invitation.revoked")
        tell(InvitationRevoked(invitation, actor))
    return invitation


def delete_invitation(invitation: Invitation, actor: Actor) -> None:
    """Forget it, and revoke it first where it is pending. Raises Conflict (gone already)."""
    with transaction.atomic():
        invitation = lock_part(invitation)
        if invitation.state == InvitationState.PENDING:
            if invitation.has_run_out(timezone.now()):
                _expire(invitation)
            else:
                invitation = revoke_invitation(invitation, actor)
        record(invitation, actor, "organization.invitation.deleted", {"state": invitation.state})
        invitation.delete()


def expire_invitations(enough: Callable[[], bool]) -> Expired:
    """End those that have run out, until all have or `enough` says so after a batch.

    Each in a transaction of its own, so that receivers hear of the first before the last is done.
    """
    now = timezone.now()
    run_out = Invitation.objects.filter(state=InvitationState.PENDING, expires_at__lte=now).order_by("expires_at")
    expired = 0
    while batch := list(run_out.select_related("organization")[:_EXPIRED_AT_ONCE]):
        expired += sum(_expire_unless_ended(invitation, now) for invitation in batch)
        if enough():
            return Expired(expired, more=True)
    return Expired(expired, more=False)


def _expire_unless_ended(invitation: Invitation, now: dt.datetime) -> bool:
    """Whether it was for this process to end it."""
    with transaction.atomic():
        try:
            current = lock_part(invitation)
        except Conflict:  # deleted meanwhile, or its organization was
            return False
        if current.state != InvitationState.PENDING or not current.has_run_out(now):
            return False
        _expire(current)
    return True


def _expire(invitation: Invitation) -> None:
    assert invitation.expires_at is not None  # noqa: S101 (it has run out)
    _end(invitation, InvitationState.EXPIRED, invitation.expires_at)
    record(invitation, SYSTEM, "organization.invitation.expired")
    tell(InvitationExpired(invitation, SYSTEM))


def _lock_pending(invitation: Invitation) -> Invitation:
    invitation = lock_part(invitation)
    state = InvitationState(invitation.state)
    if state == InvitationState.PENDING and invitation.has_run_out(timezone.now()):
        state = InvitationState.EXPIRED
    if state != InvitationState.PENDING:
        raise Conflict(f"This invitation {_ENDED[state]}: invite again.", code=f"invitation_{state.value}")
    return invitation


def _end(invitation: Invitation, state: InvitationState, at: dt.datetime) -> None:
    invitation.state, invitation.ended_at = state, at
    invitation.save(update_fields=["state", "ended_at", "updated_at"])


def _conflict(sentence: str, code: str) -> Conflict:
    return Conflict(sentence, code=code, details={"email": [sentence]})
