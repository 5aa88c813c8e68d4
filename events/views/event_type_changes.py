"""Defining, changing and removing an app's own event types."""

from collections.abc import Mapping

from django.contrib import messages
from django.http import HttpResponse

from events.catalog.schema_fields import fields_of
from events.event_type_use import reason_to_keep
from events.event_types import create_event_type, delete_event_type, refuse_built_in, update_event_type
from events.models import EventType
from events.views.catalog import find_event_type
from events.views.event_type_form import EventTypeChangesForm, EventTypeForm, NewEventTypeForm
from switera_webhooks.pages.forms import ConfirmByName, add_refusal
from switera_webhooks.refusals import Conflict, InvalidInput
from webhooks.views.access import PageRequest, Tab, app_page


@app_page(Tab.EVENT_CATALOG, for_developers=True)
def event_type_add(page: PageRequest) -> HttpResponse:
    if page.http.method == "POST" and "prefill" in page.http.GET:
        # From the form of a type that may not change so: as it was typed, to be looked at first.
        return _form(page, "events/event_type_add.html", NewEventTypeForm(initial=page.http.POST.dict()))
    form = NewEventTypeForm(page.http.POST or None)
    if _is_check(page):
        return _checked(page, form)
    if page.http.method == "POST" and form.is_valid():
        try:
            created = create_event_type(page.app, **form.cleaned_data, actor=page.actor)
        except Conflict as refusal:
            form.add_error("name", refusal.message)
        except InvalidInput as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(page.http, f"{created.name} is defined: it can be emitted and subscribed to.")
            return page.redirect("event_type", created.name)
    return _form(page, "events/event_type_add.html", form)


@app_page(Tab.EVENT_CATALOG, for_developers=True)
def event_type_edit(page: PageRequest, name: str) -> HttpResponse:
    found = _own(page, name)
    form = EventTypeChangesForm(found, page.http.POST or None)
    if _is_check(page):
        return _checked(page, form)
    if page.http.method == "POST" and form.is_valid():
        try:
            update_event_type(found, form.cleaned_data, page.actor)
        except (InvalidInput, Conflict) as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(page.http, f"{found.name} is saved.")
            return page.redirect("event_type", found.name)
    return _form(page, "events/event_type_edit.html", form, {"event_type": found})


@app_page(Tab.EVENT_CATALOG, for_developers=True)
def event_type_deprecate(page: PageRequest, name: str) -> HttpResponse:
    found = _own(page, name)
    if page.http.method == "POST":
        deprecated = page.http.POST.get("deprecated") == "yes"
        update_event_type(found, {"deprecated": deprecated}, page.actor)
        told = "deprecated: it is still emitted and delivered." if deprecated else "not deprecated any more."
        messages.success(page.http, f"{found.name} is {told}")
    return page.redirect("event_type", found.name)


@app_page(Tab.EVENT_CATALOG, for_developers=True)
def event_type_delete(page: PageRequest, name: str) -> HttpResponse:
    found = _own(page, name)
    form = ConfirmByName(found.name, page.http.POST or None)
    if page.http.method == "POST" and form.is_valid():
        try:
            delete_event_type(found, page.actor)
        except Conflict as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(page.http, f"{found.name} is gone from the catalog.")
            return page.redirect("event_catalog")
    kept = None if form.is_bound else reason_to_keep(found)
    return _form(page, "events/event_type_delete.html", form, {"event_type": found, "kept": kept})


def _own(page: PageRequest, name: str) -> EventType:
    found = find_event_type(page, name)
    refuse_built_in(found)
    return found


def _form(page: PageRequest, template: str, form: object, more: Mapping[str, object] | None = None) -> HttpResponse:
    errors = getattr(form, "errors", None)
    context = {"form": form, **_reading(form), **(more or {})}
    return page.render(template, context, status=422 if errors else 200)


def _is_check(page: PageRequest) -> bool:
    return page.http.method == "POST" and page.http.POST.get("do") == "check"


def _checked(page: PageRequest, form: EventTypeForm) -> HttpResponse:
    """What is typed so far, judged; nothing is changed."""
    form.is_valid()
    return page.part("events/event_type_check.html", {"form": form, "announced": True, **_reading(form)})


def _reading(form: object) -> dict[str, object]:
    """How the schema in the form reads, as far as it is one."""
    if not isinstance(form, EventTypeForm):
        return {}
    field = form.fields["schema"]
    schema = form.read_schema if form.is_bound else field.to_python(form.initial.get("schema"))
    return {"fields": fields_of(schema)}
