"""An organization's invitations: the list, inviting, and revoking."""

from django.contrib import messages
from django.http import HttpResponse

from switera_webhooks.ids import Prefix
from switera_webhooks.pages.forms import add_refusal
from switera_webhooks.refusals import Conflict
from webhooks.organizations.invitations import create_invitation, revoke_invitation
from webhooks.views.access import PageRequest, Section, app_page
from webhooks.views.organization_forms import InvitationForm
from webhooks.views.organization_pages import find_organization, find_part, render_form, render_parts

_ROUTE = "organization_invitations"


@app_page(Section.ORGANIZATIONS)
def organization_invitations(page: PageRequest, organization: str) -> HttpResponse:
    found = find_organization(page, organization)
    template = "organizations/invitations.html"
    return render_parts(page, found, template, found.invitations.all(), route=_ROUTE, add_route="organization_invite")


@app_page(Section.ORGANIZATIONS, for_developers=True)
def organization_invite(page: PageRequest, organization: str) -> HttpResponse:
    found = find_organization(page, organization)
    form = InvitationForm(page.http.POST if page.http.method == "POST" else None)
    if form.is_valid():
        try:
            invitation = create_invitation(found, **form.cleaned_data, actor=page.actor)
        except Conflict as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(page.http, f"{invitation} is invited: receivers hear of it, and your product can write.")
            return page.redirect(_ROUTE, organization)
    return render_form(page, found, "organizations/invite.html", form, route=_ROUTE)


@app_page(Section.ORGANIZATIONS, for_developers=True)
def organization_invitation_revoke(page: PageRequest, organization: str, invitation: str) -> HttpResponse:
    """By POST; whoever comes by a link sees the list."""
    found = find_organization(page, organization)
    revoked = find_part(found, found.invitations.all(), Prefix.INVITATION, invitation)
    if page.http.method == "POST":
        try:
            revoke_invitation(revoked, page.actor)
        except Conflict as refusal:
            messages.error(page.http, refusal.message)
        else:
            messages.success(page.http, f"The invitation of {revoked} is revoked.")
    return page.redirect(_ROUTE, organization)
