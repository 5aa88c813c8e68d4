"""The section Organizations: the list, adding one, and one of them with its endpoints and last events."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import HttpResponse
from django.urls import reverse

from deliveries.endpoint_facts import health_of, with_facts
from events.models import Event
from switera_webhooks.environments import Environment
from switera_webhooks.ids import Prefix, from_public_id
from switera_webhooks.pages.forms import ConfirmByName, add_refusal
from switera_webhooks.refusals import Conflict
from webhooks.models import Endpoint, Organization, OrganizationMember, OrganizationState
from webhooks.organizations.organization import create_organization, delete_organization, update_organization
from webhooks.views.access import PageRequest, Section, app_page
from webhooks.views.organization_forms import NewOrganizationForm, OrganizationForm
from webhooks.views.organization_pages import find_organization, own_endpoints, render_form, render_organization

_EVENTS_SHOWN = 10
_ENDPOINTS_SHOWN = 20


@dataclass(frozen=True)
class Row:
    """An organization in the list; a row of `_with_last_event`. Endpoints and last event are of the environment."""

    organization: Any
    members: int
    endpoints: int


class OrganizationFilterForm(forms.Form):
    """GET parameters of the list."""

    q = forms.CharField(
        label="Search",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "name, slug, id", "spellcheck": "false"}),
    )
    state = forms.ChoiceField(label="State", required=False, choices=[("", "any"), *OrganizationState.choices])

    def narrow(self, organizations: QuerySet[Organization]) -> QuerySet[Organization]:
        """Those of `organizations` that match; all of them where what was asked for is malformed."""
        if not self.is_valid():
            return organizations
        text, state = self.cleaned_data["q"], self.cleaned_data["state"]
        if key := from_public_id(Prefix.ORGANIZATION, text):
            organizations = organizations.filter(pk=key)
        elif text:
            organizations = organizations.filter(Q(name__icontains=text) | Q(slug__icontains=text))
        return organizations.filter(state=state) if state else organizations


@app_page(Section.ORGANIZATIONS)
def organizations(page: PageRequest) -> HttpResponse:
    """Newest first. The rows' figures take two statements, whatever their number."""
    form = OrganizationFilterForm(page.http.GET)
    found = form.narrow(Organization.objects.filter(app=page.app))
    listed = page.paginate(_with_last_event(page, found))
    context = {"form": form, "filtered": form.has_changed(), "pages": listed, "rows": _rows(page, listed.items)}
    return page.render("organizations/organizations.html", context)


def _with_last_event(page: PageRequest, found: QuerySet[Organization]) -> QuerySet[Organization]:
    events = Event.objects.filter(organization=OuterRef("pk"), environment=page.environment, test=False)
    return found.annotate(last_event_at=Subquery(events.order_by("-id").values("created_at")[:1]))


def _rows(page: PageRequest, listed: Sequence[Organization]) -> list[Row]:
    if not listed:
        return []
    members = _counted(OrganizationMember.objects.filter(organization__in=listed))
    endpoints = _counted(
        page.app.endpoints.filter(environment=page.environment, deleted_at=None, organization__in=listed)
    )
    return [Row(each, members.get(each.pk, 0), endpoints.get(each.pk, 0)) for each in listed]


def _counted(rows: QuerySet[Any]) -> dict[Any, int]:
    """{organization's key: how many of these rows are its}."""
    return dict(rows.order_by().values_list("organization_id").annotate(Count("pk")))


@app_page(Section.ORGANIZATIONS, for_developers=True)
def organization_add(page: PageRequest) -> HttpResponse:
    form = NewOrganizationForm(page.http.POST if page.http.method == "POST" else None)
    if form.is_valid():
        given = form.cleaned_data
        try:
            created = create_organization(page.app, given["name"], slug=given["slug"] or None, actor=page.actor)
        except Conflict as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(page.http, f"{created} is added. Its events carry its id from now on.")
            return page.redirect("organization", created.public_id)
    status = 400 if form.errors else 200
    return page.render("organizations/organization_add.html", {"form": form}, status=status)


@app_page(Section.ORGANIZATIONS)
def organization(page: PageRequest, organization: str) -> HttpResponse:
    found = find_organization(page, organization)
    endpoints = list(with_facts(own_endpoints(page, found)).order_by("-id")[: _ENDPOINTS_SHOWN + 1])
    events = Event.objects.filter(organization=found, environment=page.environment, test=False).order_by("-id")
    context = {
        "endpoints": [(endpoint, health_of(endpoint)) for endpoint in endpoints[:_ENDPOINTS_SHOWN]],
        "more_endpoints": len(endpoints) > _ENDPOINTS_SHOWN,
        "events": events.defer("payload")[:_EVENTS_SHOWN],
    }
    return render_organization(page, found, "organizations/organization.html", context, route="organization")


@app_page(Section.ORGANIZATIONS, for_developers=True)
def organization_edit(page: PageRequest, organization: str) -> HttpResponse:
    found = find_organization(page, organization)
    form = OrganizationForm.of(found, page.http.POST if page.http.method == "POST" else None)
    if form.is_valid():
        try:
            updated = update_organization(found, form.cleaned_data, page.actor)
        except Conflict as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(page.http, f"{updated} is saved.")
            return page.redirect("organization", updated.public_id)
    return render_form(page, found, "organizations/organization_edit.html", form)


@app_page(Section.ORGANIZATIONS, for_developers=True)
def organization_delete(page: PageRequest, organization: str) -> HttpResponse:
    found = find_organization(page, organization)
    form = ConfirmByName(found.name, page.http.POST if page.http.method == "POST" else None)
    if form.is_valid():
        try:
            delete_organization(found, page.actor)
        except Conflict as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(page.http, f"{found.name} is deleted. Its events and deliveries stay in the history.")
            return page.redirect("organizations")
    back_url = page.url("organization", found.public_id)
    context = {"back_url": back_url, "endpoints": _all_endpoints(found)[:_ENDPOINTS_SHOWN]}
    return render_form(page, found, "organizations/organization_delete.html", form, context)


def _all_endpoints(organization: Organization) -> list[tuple[str, str]]:
    """Name and path of those that belong to it, in both environments: a Builder sees both."""
    endpoints = organization.endpoints.filter(deleted_at=None).order_by("environment", "id")
    slug = organization.app.slug
    return [(_told(one), reverse(f"{one.environment}:endpoint", args=[slug, one.public_id])) for one in endpoints]


def _told(endpoint: Endpoint) -> str:
    return f"{endpoint} (test)" if endpoint.environment == Environment.TEST else str(endpoint)
