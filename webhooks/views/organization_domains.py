"""An organization's domains: the list, adding one, and one with what proves it."""

from django.contrib import messages
from django.http import HttpResponse

from switera_webhooks.ids import Prefix
from switera_webhooks.pages.forms import add_refusal
from switera_webhooks.refusals import Conflict
from webhooks.models import DomainMethod
from webhooks.organizations.domains import add_domain, remove_domain, update_domain, verify_domain
from webhooks.views.access import PageRequest, Section, app_page
from webhooks.views.organization_forms import NewDomainForm, VerifyDomainForm
from webhooks.views.organization_pages import find_organization, find_part, render_form, render_parts

_ROUTE = "organization_domains"
METHODS = {
    DomainMethod.DNS_TXT: "by a TXT record in DNS",
    DomainMethod.EMAIL: "by a mail to the domain",
    DomainMethod.MANUAL: "by hand",
}


@app_page(Section.ORGANIZATIONS)
def organization_domains(page: PageRequest, organization: str) -> HttpResponse:
    found = find_organization(page, organization)
    template = "organizations/domains.html"
    return render_parts(page, found, template, found.domains.all(), route=_ROUTE, add_route="organization_domain_add")


@app_page(Section.ORGANIZATIONS, for_developers=True)
def organization_domain_add(page: PageRequest, organization: str) -> HttpResponse:
    found = find_organization(page, organization)
    form = NewDomainForm(page.http.POST if page.http.method == "POST" else None)
    if form.is_valid():
        try:
            added = add_domain(found, **form.cleaned_data, actor=page.actor)
        except Conflict as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(page.http, f"{added} is added. It counts once it is verified.")
            return page.redirect("organization_domain", organization, added.public_id)
    return render_form(page, found, "organizations/domain_add.html", form, route=_ROUTE)


@app_page(Section.ORGANIZATIONS)
def organization_domain(page: PageRequest, organization: str, domain: str) -> HttpResponse:
    """With the form that declares it verified; posting that is for developers."""
    found = find_organization(page, organization)
    shown = find_part(found, found.domains.all(), Prefix.DOMAIN, domain)
    form = VerifyDomainForm(page.http.POST if page.http.method == "POST" else None)
    if page.http.method == "POST":
        page.refuse_viewers()
    if form.is_valid():
        try:
            verify_domain(shown, form.cleaned_data["method"], page.actor)
        except Conflict as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(page.http, f"{shown} is verified.")
            return page.redirect("organization_domain", organization, domain)
    context = {"domain": shown, "method": METHODS[DomainMethod(shown.method)] if shown.method else ""}
    return render_form(page, found, "organizations/domain.html", form, context, route=_ROUTE)


@app_page(Section.ORGANIZATIONS, for_developers=True)
def organization_domain_auto_join(page: PageRequest, organization: str, domain: str) -> HttpResponse:
    """By POST, `on` yes or no; whoever comes by a link sees the domain."""
    found = find_organization(page, organization)
    changed = find_part(found, found.domains.all(), Prefix.DOMAIN, domain)
    if page.http.method == "POST":
        on = page.http.POST.get("on") == "yes"
        update_domain(changed, {"auto_join": on}, page.actor)
        may = "may join by themselves" if on else "do not join by themselves any more"
        messages.success(page.http, f"People at {changed} {may}.")
    return page.redirect("organization_domain", organization, domain)


@app_page(Section.ORGANIZATIONS, for_developers=True)
def organization_domain_remove(page: PageRequest, organization: str, domain: str) -> HttpResponse:
    """By POST; whoever comes by a link sees the domain."""
    found = find_organization(page, organization)
    removed = find_part(found, found.domains.all(), Prefix.DOMAIN, domain)
    if page.http.method != "POST":
        return page.redirect("organization_domain", organization, domain)
    remove_domain(removed, page.actor)
    messages.success(page.http, f"{removed} is not a domain of {found} any more.")
    return page.redirect(_ROUTE, organization)
