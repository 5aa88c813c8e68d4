"""Who belongs to an organization: end users of the Builder's product, by the ids that it has for them."""

from collections.abc import Mapping

from django.db import transaction

from switera_webhooks.refusals import Conflict, InvalidInput
from webhooks.audit import Actor
from webhooks.happenings import tell
from webhooks.models import MemberSource, Organization, OrganizationMember
from webhooks.organizations.fields import check_fields, domain_of
from webhooks.organizations.happenings import MemberAdded, MemberRemoved, MemberRoleChanged
from webhooks.organizations.records import lock_organization, lock_part, record, save_changes

DEFAULT_ROLE = "member"


def add_organization_member(
    organization: Organization,
    user_id: str,
    email: str,
    *,
    role: str = DEFAULT_ROLE,
    source: str = MemberSource.API,
    actor: Actor,
) -> OrganizationMember:
    """Let a user belong to the organization. Raises InvalidInput, Conflict (a member already).

    The source `domain` is for somebody whose address is at a verified domain of it with auto-join.
    """
    given = {"user_id": user_id, "email": email, "role": role, "source": source}
    check_fields(given)
    with transaction.atomic():
        organization = lock_organization(organization)
        if source == MemberSource.DOMAIN:
            _refuse_unless_auto_join(organization, email)
        if organization.members.filter(user_id=user_id).exists():
            raise Conflict(
                f"{user_id} is a member of this organization already.",
                code="member_exists",
                details={"user_id": ["A member already."]},
            )
        member = OrganizationMember.objects.create(organization=organization, **given)
        record(member, actor, "organization.member.added", {**given})
        tell(MemberAdded(member, actor))
    return member


def update_organization_member(
    member: OrganizationMember, changes: Mapping[str, object], actor: Actor
) -> OrganizationMember:
    """Change role or e-mail address; a role that stays is told to no receiver. Raises InvalidInput, Conflict (gone)."""
    check_fields(changes)
    with transaction.atomic():
        member = lock_part(member)
        previous_role = member.role
        if changed := save_changes(member, changes):
            record(member, actor, "organization.member.updated", changed)
        if member.role != previous_role:
            tell(MemberRoleChanged(member, previous_role, actor))
    return member


def remove_organization_member(member: OrganizationMember, actor: Actor, reason: str | None = None) -> None:
    """Take the user out; `reason` is a word such as left. Raises InvalidInput (reason), Conflict (gone already)."""
    check_fields({"reason": reason})
    with transaction.atomic():
        member = lock_part(member)
        told = {"user_id": member.user_id, "role": member.role, "reason": reason}
        record(member, actor, "organization.member.removed", told)
        tell(MemberRemoved(member, reason, actor))
        member.delete()


def _refuse_unless_auto_join(organization: Organization, email: str) -> None:
    domain = domain_of(email)
    joins = organization.domains.filter(domain=domain, auto_join=True, verified_at__isnull=False)
    if domain is None or not joins.exists():
        sentence = "No verified domain of this organization lets this address join: add it with the source api."
        raise InvalidInput(f"source: {sentence}", details={"source": [sentence]})
