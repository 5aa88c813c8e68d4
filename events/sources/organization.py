"""`organization.*`: what is told of organizations, members, invitations and domains, each as an event of its own.

Each is an event of its organization, so that the organization's endpoints get it.
"""

from collections.abc import Mapping
from typing import Any

from django.dispatch import receiver

from events.sources.emitting import emit_built_in
from switera_webhooks.times import iso
from webhooks.audit import Actor
from webhooks.happenings import happened
from webhooks.models import Invitation, Organization, OrganizationMember
from webhooks.organizations.happenings import (
    DomainRemoved,
    DomainVerified,
    InvitationAccepted,
    InvitationCreated,
    InvitationExpired,
    InvitationRevoked,
    MemberAdded,
    MemberRemoved,
    MemberRoleChanged,
    OrganizationCreated,
    OrganizationDeleted,
    OrganizationUpdated,
)


def _emit(organization: Organization, type: str, actor: Actor, data: Mapping[str, object]) -> None:
    emit_built_in(organization.app, type, dict(data), environment=actor.environment, organization_id=organization.pk)


@receiver(happened, sender=OrganizationCreated)
def _created(happening: OrganizationCreated, **_: Any) -> None:
    organization = happening.organization
    data = {**_facts(organization), "created_at": iso(organization.created_at)}
    _emit(organization, "organization.created", happening.actor, data)


@receiver(happened, sender=OrganizationUpdated)
def _updated(happening: OrganizationUpdated, **_: Any) -> None:
    organization = happening.organization
    data = {**_facts(organization), "changed_fields": list(happening.changed_fields)}
    _emit(organization, "organization.updated", happening.actor, data)


@receiver(happened, sender=OrganizationDeleted)
def _deleted(happening: OrganizationDeleted, **_: Any) -> None:
    organization = happening.organization
    data = {"id": organization.public_id, "slug": organization.slug, "deleted_at": iso(happening.deleted_at)}
    _emit(organization, "organization.deleted", happening.actor, data)


def _facts(organization: Organization) -> dict[str, object]:
    return {
        "id": organization.public_id,
        "name": organization.name,
        "slug": organization.slug,
        "state": organization.state,
    }


@receiver(happened, sender=MemberAdded)
def _member_added(happening: MemberAdded, **_: Any) -> None:
    member = happening.member
    data = {**_member(member), "email": member.email, "role": member.role, "source": member.source}
    _emit(member.organization, "organization.member.added", happening.actor, data)


@receiver(happened, sender=MemberRoleChanged)
def _member_updated(happening: MemberRoleChanged, **_: Any) -> None:
    member = happening.member
    data = {**_member(member), "role": member.role, "previous_role": happening.previous_role}
    _emit(member.organization, "organization.member.updated", happening.actor, data)


@receiver(happened, sender=MemberRemoved)
def _member_removed(happening: MemberRemoved, **_: Any) -> None:
    member = happening.member
    data = {**_member(member), "role": member.role, "reason": happening.reason}
    _emit(member.organization, "organization.member.removed", happening.actor, data)


def _member(member: OrganizationMember) -> dict[str, object]:
    return {
        "organization_id": member.organization.public_id,
        "member_id": member.public_id,
        "user_id": member.user_id,
    }


@receiver(happened, sender=InvitationCreated)
def _invitation_created(happening: InvitationCreated, **_: Any) -> None:
    invitation = happening.invitation
    data = {
        **_invited(invitation),
        "role": invitation.role,
        "locale": invitation.locale or None,
        "expires_at": invitation.expires_at and iso(invitation.expires_at),
        "invited_by": happening.actor.id or None,
    }
    _emit(invitation.organization, "organization.invitation.created", happening.actor, data)


@receiver(happened, sender=InvitationAccepted)
def _invitation_accepted(happening: InvitationAccepted, **_: Any) -> None:
    invitation = happening.invitation
    data = {
        **_invited(invitation),
        "user_id": happening.member.user_id,
        "role": invitation.role,
        "accepted_at": _ended_at(invitation),
    }
    _emit(invitation.organization, "organization.invitation.accepted", happening.actor, data)


@receiver(happened, sender=InvitationRevoked)
def _invitation_revoked(happening: InvitationRevoked, **_: Any) -> None:
    invitation = happening.invitation
    data = {**_invited(invitation), "revoked_by": happening.actor.id or None}
    _emit(invitation.organization, "organization.invitation.revoked", happening.actor, data)


@receiver(happened, sender=InvitationExpired)
def _invitation_expired(happening: InvitationExpired, **_: Any) -> None:
    invitation = happening.invitation
    data = {**_invited(invitation), "expired_at": _ended_at(invitation)}
    _emit(invitation.organization, "organization.invitation.expired", happening.actor, data)


def _invited(invitation: Invitation) -> dict[str, object]:
    return {
        "invitation_id": invitation.public_id,
        "organization_id": invitation.organization.public_id,
        "email": invitation.email,
    }


def _ended_at(invitation: Invitation) -> str:
    assert invitation.ended_at is not None  # noqa: S101 (told of one that has ended)
    return iso(invitation.ended_at)


@receiver(happened, sender=DomainVerified)
def _domain_verified(happening: DomainVerified, **_: Any) -> None:
    domain = happening.domain
    assert domain.verified_at is not None  # noqa: S101 (told of one that is verified)
    data = {
        "organization_id": domain.organization.public_id,
        "domain": domain.domain,
        "method": domain.method,
        "auto_join": domain.auto_join,
        "verified_at": iso(domain.verified_at),
    }
    _emit(domain.organization, "organization.domain.verified", happening.actor, data)


@receiver(happened, sender=DomainRemoved)
def _domain_removed(happening: DomainRemoved, **_: Any) -> None:
    domain = happening.domain
    data = {
        "organization_id": domain.organization.public_id,
        "domain": domain.domain,
        "removed_by": happening.actor.id or None,
    }
    _emit(domain.organization, "organization.domain.removed", happening.actor, data)
