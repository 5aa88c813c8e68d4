"""What the pages of one organization have in common: finding it, and what stands above each."""

from collections.abc import Mapping
from typing import Any, TypeVar

from django import forms
from django.db.models import Model, QuerySet
from django.http import Http404, HttpResponse

from switera_webhooks.ids import Prefix, from_public_id
from webhooks.models import Endpoint, Organization
from webhooks.views.access import PageRequest

Part = TypeVar("Part", bound=Model)


def find_organization(page: PageRequest, public_id: str) -> Organization:
    """The app's, in both environments. Raises Http404, the same for a missing and another app's id (S33)."""
    organization = _find(Organization.objects.filter(app=page.app), Prefix.ORGANIZATION, public_id)
    organization.app = page.app
    return organization


def find_part(organization: Organization, parts: QuerySet[Part], prefix: Prefix, public_id: str) -> Part:
    """Its member, invitation or domain with this id, among `parts`. Raises Http404."""
    part = _find(parts, prefix, public_id)
    part.organization = organization  # type: ignore[attr-defined]  # (each of them has one)
    return part


def own_endpoints(page: PageRequest, organization: Organization) -> QuerySet[Endpoint]:
    """Those of this environment that receive only its events."""
    return Endpoint.objects.in_scope(page.app, page.environment).filter(organization=organization)


def render_organization(
    page: PageRequest,
    organization: Organization,
    template: str,
    context: Mapping[str, Any] | None = None,
    *,
    route: str = "",
    status: int = 200,
) -> HttpResponse:
    """A page of it: the template extends organizations/organization_page.html. `route` is the section it is."""
    members = organization.members.count()
    invitations = organization.invitations.open().count()
    domains = organization.domains.count()
    endpoints = own_endpoints(page, organization).count()
    sections = [
        ("Overview", "organization", None),
        ("Members", "organization_members", members),
        ("Invitations", "organization_invitations", invitations),
        ("Domains", "organization_domains", domains),
    ]
    above = {
        "organization": organization,
        "verdict": _verdict(members, invitations, endpoints),
        "sections": [
            (label, page.url(name, organization.public_id), count, name == route) for label, name, count in sections
        ],
    }
    return page.render(template, {**above, **(context or {})}, status=status)


def render_form(
    page: PageRequest,
    organization: Organization,
    template: str,
    form: forms.Form,
    context: Mapping[str, Any] | None = None,
    *,
    route: str = "",
) -> HttpResponse:
    """A page of it with a form; status 400 where something is wrong with what was filled in."""
    status = 400 if form.errors else 200
    return render_organization(
        page, organization, template, {"form": form, **(context or {})}, route=route, status=status
    )


def render_parts(
    page: PageRequest, organization: Organization, template: str, parts: QuerySet[Part], *, route: str, add_route: str
) -> HttpResponse:
    """A list of what it owns, newest first: the template extends organizations/parts.html."""
    context = {"pages": page.paginate(parts), "add_url": page.url(add_route, organization.public_id)}
    return render_organization(page, organization, template, context, route=route)


def _verdict(members: int, invitations: int, endpoints: int) -> str:
    """How it stands, in two sentences."""
    if members:
        who = "It has one member" if members == 1 else f"It has {members:,} members"
    else:
        who = "Nobody belongs to it yet"
    if invitations:
        who += ", and one invitation is open" if invitations == 1 else f", and {invitations:,} invitations are open"
    if endpoints == 0:
        where = "No endpoint is its own: its events go to those that get every organization's."
    elif endpoints == 1:
        where = "One endpoint receives its events alone."
    else:
        where = f"{endpoints:,} endpoints receive its events alone."
    return f"{who}. {where}"


def _find(rows: QuerySet[Part], prefix: Prefix, public_id: str) -> Part:
    key = from_public_id(prefix, public_id)
    row = None if key is None else rows.filter(pk=key).first()
    if row is None:
        raise Http404
    return row
