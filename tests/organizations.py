"""Organizations for tests, with their parts, made by the product's own functions."""

import datetime as dt

from django.utils import timezone

from tests.factories import ACTOR, make_organization
from webhooks.models import App, Invitation, Organization, OrganizationDomain, OrganizationMember
from webhooks.organizations.domains import add_domain
from webhooks.organizations.invitations import create_invitation
from webhooks.organizations.members import add_organization_member

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
