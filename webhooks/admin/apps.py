"""Apps for operators, who give one a larger or smaller share of what is sent."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Field, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from deliveries.models import AppDeletion, Delivery, Lane, Replay
from events.models import Event, EventType
from switera_webhooks.admin.actions import actor_of
from switera_webhooks.admin.lists import BigTableAdmin, LabelledFilter
from switera_webhooks.admin.shown import link, links, list_link
from switera_webhooks.ids import Prefix
from webhooks.app_setup import WEIGHT_AT_LEAST, WEIGHT_AT_MOST, set_app_weight
from webhooks.models import ApiKey, App, AuditEntry, Endpoint, Membership, Organization

# What an app's page leads to: lists that find their rows by the app's id.
_LISTS = (
    ("Endpoints", Endpoint),
    ("deliveries", Delivery),
    ("events", Event),
    ("lanes", Lane),
    ("replays", Replay),
    ("event types", EventType),
    ("API keys", ApiKey),
    ("members", Membership),
    ("organizations", Organization),
    ("audit entries", AuditEntry),
)


class StateFilter(LabelledFilter):
    """Apps that there are, and those that go."""

    title = "state"
    parameter_name = "state"
    labels = {"there": "There", "deleting": "Being deleted"}

    def condition(self, value: str) -> Q:
        return Q(deleting_since__isnull=value == "there")


@admin.register(App)
class AppAdmin(BigTableAdmin[App]):
    fields = ["public_id_", "name", "slug", "created_at", "deleting_since", "weight", "pages_", "lists_"]
    readonly_fields = ["public_id_", "name", "slug", "created_at", "deleting_since", "pages_", "lists_"]
    list_display = ["name", "slug", "weight", "created_at", "pages_"]
    list_filter = [StateFilter]
    found_by = {Prefix.APP: "pk"}
    texts = ["slug", "name__icontains"]
    search_help_text = "An app's id, its slug, or part of its name"

    @admin.display(description="id")
    def public_id_(self, app: App) -> str:
        return app.public_id

    @admin.display(description="pages")
    def pages_(self, app: App) -> SafeString:
        if app.deleting_since is not None:
            return list_link(AppDeletion, "Being deleted", q=app.public_id)
        return link(reverse("live:overview", args=[app.slug]), "Open pages")

    @admin.display(description="of this app")
    def lists_(self, app: App) -> SafeString:
        return links(list_link(model, name, q=app.public_id) for name, model in _LISTS)

    def formfield_for_dbfield(self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name != "weight":
            return super().formfield_for_dbfield(db_field, request, **kwargs)
        return forms.IntegerField(
            min_value=WEIGHT_AT_LEAST,
            max_value=WEIGHT_AT_MOST,
            help_text="Its share of what is sent while more is due than can be, against other apps' weights: "
            f"{WEIGHT_AT_LEAST} to {WEIGHT_AT_MOST}.",
        )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_operate_permission(request)

    def save_model(self, request: HttpRequest, obj: App, form: Any, change: bool) -> None:
        set_app_weight(obj, form.cleaned_data["weight"], actor_of(request))
