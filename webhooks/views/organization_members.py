"""An organization's members: the list, adding, changing and removing one."""

from django.contrib import messages
from django.http import HttpResponse

from switera_webhooks.ids import Prefix
from switera_webhooks.pages.forms import add_refusal
from switera_webhooks.refusals import Conflict
from webhooks.models import MemberSource
from webhooks.organizations.members import (
    add_organization_member,
    remove_organization_member,
    update_organization_member,
)
from webhooks.views.access import PageRequest, Section, app_page
from webhooks.views.organization_forms import MemberForm, NewMemberForm
from webhooks.views.organization_pages import find_organization, find_part, render_form, render_organization

_ROUTE = "organization_members"
# How somebody came in.
SOURCES = {
    MemberSource.API: "added with an API key",
    MemberSource.PAGE: "added on this page",
    MemberSource.INVITATION: "invited",
    MemberSource.DOMAIN: "joined by their domain",
}


@app_page(Section.ORGANIZATIONS)
def organization_members(page: PageRequest, organization: str) -> HttpResponse:
    found = find_organization(page, organization)
    listed = page.paginate(found.members.all())
    rows = [(member, SOURCES[MemberSource(member.source)]) for member in listed.items]
    add_url = page.url("organization_member_add", found.public_id)
    context = {"pages": listed, "rows": rows, "add_url": add_url}
    return render_organization(page, found, "organizations/members.html", context, route=_ROUTE)


@app_page(Section.ORGANIZATIONS, for_developers=True)
def organization_member_add(page: PageRequest, organization: str) -> HttpResponse:
    found = find_organization(page, organization)
    form = NewMemberForm(page.http.POST if page.http.method == "POST" else None)
    if form.is_valid():
        try:
            member = add_organization_member(found, **form.cleaned_data, source=MemberSource.PAGE, actor=page.actor)
        except Conflict as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(page.http, f"{member} belongs to {found} now.")
            return page.redirect(_ROUTE, organization)
    return render_form(page, found, "organizations/member_add.html", form, route=_ROUTE)


@app_page(Section.ORGANIZATIONS, for_developers=True)
def organization_member(page: PageRequest, organization: str, member: str) -> HttpResponse:
    found = find_organization(page, organization)
    changed = find_part(found, found.members.all(), Prefix.MEMBER, member)
    form = MemberForm.of(changed, page.http.POST if page.http.method == "POST" else None)
    if form.is_valid():
        update_organization_member(changed, form.cleaned_data, page.actor)
        messages.success(page.http, f"{form.cleaned_data['email']} is saved.")
        return page.redirect(_ROUTE, organization)
    context = {"member": changed, "source": SOURCES[MemberSource(changed.source)]}
    return render_form(page, found, "organizations/member.html", form, context, route=_ROUTE)


@app_page(Section.ORGANIZATIONS, for_developers=True)
def organization_member_remove(page: PageRequest, organization: str, member: str) -> HttpResponse:
    """By POST; whoever comes by a link sees the member."""
    found = find_organization(page, organization)
    removed = find_part(found, found.members.all(), Prefix.MEMBER, member)
    if page.http.method != "POST":
        return page.redirect("organization_member", organization, member)
    remove_organization_member(removed, page.actor, "removed")
    messages.success(page.http, f"{removed} does not belong to {found} any more.")
    return page.redirect(_ROUTE, organization)
