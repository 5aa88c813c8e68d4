"""Organizations for tests, with their parts, made by the product's own functions."""

import datetime as dt
from collections.abc import Callable, Mapping

from django.utils import timezone

from tests.factories import ACTOR, make_organization
from webhooks.models import App, Invitation, Organization, OrganizationDomain, OrganizationMember
from webhooks.organizations.domains import add_domain, remove_domain, verify_domain
from webhooks.organizations.invitations import (
    accept_invitation,
    create_invitation,
    expire_invitations,
    revoke_invitation,
)
from webhooks.organizations.members import (
    add_organization_member,
    remove_organization_member,
    update_organization_member,
)
from webhooks.organizations.organization import create_organization, delete_organization, update_organization

WEEK = dt.timedelta(days=7)


def make_member(organization: Organization, user_id: str = "usr_1", role: str = "member") -> OrganizationMember:
    return add_organization_member(organization, user_id, f"{user_id}@globex.example", role=role, actor=ACTOR)


def make_invitation(organization: Organization, email: str = "ada@globex.example") -> Invitation:
    return create_invitation(organization, email, expires_at=timezone.now() + WEEK, actor=ACTOR)


def make_domain(organization: Organization, domain: str = "globex.example", **options: bool) -> OrganizationDomain:
    return add_domain(organization, domain, actor=ACTOR, **options)


def run_out(invitation: Invitation, moment: dt.datetime | None = None) -> dt.datetime:
    """Let its time be over; when it was."""
    moment = moment or timezone.now() - dt.timedelta(seconds=1)
    Invitation.objects.filter(pk=invitation.pk).update(expires_at=moment)
    invitation.refresh_from_db()
    return moment


def make_full_organization(app: App) -> tuple[Organization, OrganizationMember, Invitation, OrganizationDomain]:
    """One with one of each."""
    organization = make_organization(app, "Globex")
    return organization, make_member(organization), make_invitation(organization), make_domain(organization)


def _invite_and_let_run_out(app: App) -> None:
    run_out(make_invitation(make_organization(app)))
    expire_invitations(lambda: False)


# {type: what makes it happen, once, in an app without organizations}; others may happen on the way there.
HAPPENS: Mapping[str, Callable[[App], object]] = {
    "organization.created": lambda app: create_organization(app, "Globex", actor=ACTOR),
    "organization.updated": lambda app: update_organization(make_organization(app), {"name": "Globex 2"}, ACTOR),
    "organization.deleted": lambda app: delete_organization(make_organization(app), ACTOR),
    "organization.member.added": lambda app: make_member(make_organization(app)),
    "organization.member.updated": lambda app: update_organization_member(
        make_member(make_organization(app)), {"role": "admin"}, ACTOR
    ),
    "organization.member.removed": lambda app: remove_organization_member(make_member(make_organization(app)), ACTOR),
    "organization.invitation.created": lambda app: make_invitation(make_organization(app)),
    "organization.invitation.accepted": lambda app: accept_invitation(
        make_invitation(make_organization(app)), "usr_1", ACTOR
    ),
    "organization.invitation.revoked": lambda app: revoke_invitation(make_invitation(make_organization(app)), ACTOR),
    "organization.invitation.expired": _invite_and_let_run_out,
    "organization.domain.verified": lambda app: verify_domain(make_domain(make_organization(app)), "dns_txt", ACTOR),
    "organization.domain.removed": lambda app: remove_domain(make_domain(make_organization(app)), ACTOR),
}
