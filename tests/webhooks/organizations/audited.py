"""What can be done to an organization and its parts, for the test that every action has its entry (S46)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.factories import ACTOR
from tests.organizations import make_full_organization, make_invitation, run_out
from webhooks.audit import Actor
from webhooks.models import App, Invitation, Organization, OrganizationDomain, OrganizationMember
from webhooks.organizations.domains import add_domain, remove_domain, update_domain, verify_domain
from webhooks.organizations.invitations import (
    accept_invitation,
    create_invitation,
    delete_invitation,
    expire_invitations,
    revoke_invitation,
    update_invitation,
)
from webhooks.organizations.members import (
    add_organization_member,
    remove_organization_member,
    update_organization_member,
)
from webhooks.organizations.organization import create_organization, delete_organization, update_organization

# Target type, target id, changes.
Told = tuple[str, str, dict[str, Any]]


@dataclass(frozen=True)
class Customer:
    """An organization with its parts."""

    organization: Organization
    member: OrganizationMember
    invitation: Invitation
    revoked: Invitation
    late: Invitation
    domain: OrganizationDomain

    def told(self, part: Any, **changes: Any) -> Told:
        """Of a member, an invitation or a domain: its organization is named."""
        kinds = {OrganizationMember: "member", Invitation: "invitation", OrganizationDomain: "domain"}
        return kinds[type(part)], part.public_id, {"organization_id": self.organization.public_id, **changes}


def make_customer(app: App) -> Customer:
    organization, member, invitation, domain = make_full_organization(app)
    revoked = revoke_invitation(make_invitation(organization, "bo@globex.example"), ACTOR)
    late = make_invitation(organization, "eve@globex.example")
    run_out(late)
    return Customer(organization, member, invitation, revoked, late, domain)


def _create(customer: Customer, by: Actor) -> Told:
    created = create_organization(customer.organization.app, "Acme", actor=by)
    return "organization", created.public_id, {"slug": "acme", "state": "active"}


def _update(customer: Customer, by: Actor) -> Told:
    update_organization(customer.organization, {"state": "suspended"}, by)
    return "organization", customer.organization.public_id, {"state": ["active", "suspended"]}


def _delete(customer: Customer, by: Actor) -> Told:
    delete_organization(customer.organization, by)
    return "organization", customer.organization.public_id, {"slug": customer.organization.slug}


def _add_member(customer: Customer, by: Actor) -> Told:
    given = {"user_id": "usr_2", "email": "bo@globex.example", "role": "admin"}
    added = add_organization_member(customer.organization, **given, actor=by)
    return customer.told(added, **given, source="api")


def _update_member(customer: Customer, by: Actor) -> Told:
    return customer.told(update_organization_member(customer.member, {"role": "admin"}, by), role=["member", "admin"])


def _remove_member(customer: Customer, by: Actor) -> Told:
    remove_organization_member(customer.member, by, "left")
    return customer.told(customer.member, user_id="usr_1", role="member", reason="left")


def _invite(customer: Customer, by: Actor) -> Told:
    given = {"email": "zoe@globex.example", "role": "admin"}
    return customer.told(create_invitation(customer.organization, **given, expires_at=None, actor=by), **given)


def _update_invitation(customer: Customer, by: Actor) -> Told:
    return customer.told(update_invitation(customer.invitation, {"locale": "en"}, by), locale=["", "en"])


def _accept(customer: Customer, by: Actor) -> Told:
    accept_invitation(customer.invitation, "usr_2", by)
    return customer.told(customer.invitation, user_id="usr_2", role="member")


def _revoke(customer: Customer, by: Actor) -> Told:
    return customer.told(revoke_invitation(customer.invitation, by))


def _expire(customer: Customer, by: Actor) -> Told:
    expire_invitations(lambda: False)
    return customer.told(customer.late)


def _delete_invitation(customer: Customer, by: Actor) -> Told:
    delete_invitation(customer.revoked, by)
    return customer.told(customer.revoked, state="revoked")


def _add_domain(customer: Customer, by: Actor) -> Told:
    return customer.told(add_domain(customer.organization, "globex.test", actor=by), auto_join=False)


def _update_domain(customer: Customer, by: Actor) -> Told:
    return customer.told(update_domain(customer.domain, {"auto_join": True}, by), auto_join=[False, True])


def _verify_domain(customer: Customer, by: Actor) -> Told:
    # And when, as [None, moment].
    return customer.told(verify_domain(customer.domain, "email", by), method=[None, "email"], **{"…": ...})


def _remove_domain(customer: Customer, by: Actor) -> Told:
    remove_domain(customer.domain, by)
    return customer.told(customer.domain, verified=False)


DO: dict[str, Callable[[Customer, Actor], Told]] = {
    "organization.created": _create,
    "organization.updated": _update,
    "organization.deleted": _delete,
    "organization.member.added": _add_member,
    "organization.member.updated": _update_member,
    "organization.member.removed": _remove_member,
    "organization.invitation.created": _invite,
    "organization.invitation.updated": _update_invitation,
    "organization.invitation.accepted": _accept,
    "organization.invitation.revoked": _revoke,
    "organization.invitation.expired": _expire,
    "organization.invitation.deleted": _delete_invitation,
    "organization.domain.added": _add_domain,
    "organization.domain.updated": _update_domain,
    "organization.domain.verified": _verify_domain,
    "organization.domain.removed": _remove_domain,
}
