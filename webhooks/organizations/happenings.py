"""What happens to an app's organizations (webhooks/happenings.py tells it)."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from webhooks.audit import Actor
from webhooks.models import Invitation, Organization, OrganizationDomain, OrganizationMember


@dataclass(frozen=True)
class OrganizationCreated:
    organization: Organization
    actor: Actor


@dataclass(frozen=True)
class OrganizationUpdated:
    organization: Organization
    changed_fields: Sequence[str]
    actor: Actor


@dataclass(frozen=True)
class OrganizationDeleted:
    """Told while the row is still there."""

    organization: Organization
    deleted_at: dt.datetime
    actor: Actor


@dataclass(frozen=True)
class MemberAdded:
    member: OrganizationMember
    actor: Actor


@dataclass(frozen=True)
class MemberRoleChanged:
    member: OrganizationMember
    previous_role: str
    actor: Actor


@dataclass(frozen=True)
class MemberRemoved:
    """Told while the row is still there. `reason` is a word of the Builder's, none where nobody gave one."""

    member: OrganizationMember
    reason: str | None
    actor: Actor


@dataclass(frozen=True)
class InvitationCreated:
    invitation: Invitation
    actor: Actor


@dataclass(frozen=True)
class InvitationAccepted:
    """`member` is who came of it."""

    invitation: Invitation
    member: OrganizationMember
    actor: Actor


@dataclass(frozen=True)
class InvitationRevoked:
    invitation: Invitation
    actor: Actor


@dataclass(frozen=True)
class InvitationExpired:
    invitation: Invitation
    actor: Actor


@dataclass(frozen=True)
class DomainVerified:
    domain: OrganizationDomain
    actor: Actor


@dataclass(frozen=True)
class DomainRemoved:
    """Told while the row is still there."""

    domain: OrganizationDomain
    actor: Actor
