"""Apps for operators, who give one a larger or smaller share of what is sent."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Field
from django.http import HttpRequest

from switera_webhooks.admin import BigTableAdmin
from webhooks.app_setup import WEIGHT_AT_LEAST, WEIGHT_AT_MOST, set_app_weight
from webhooks.audit import Actor
from webhooks.models import App


@admin.register(App)
class AppAdmin(BigTableAdmin[App]):
    fields = ["public_id_", "name", "slug", "created_at", "weight"]
    readonly_fields = ["public_id_", "name", "slug", "created_at"]
    list_display = ["name", "slug", "weight", "created_at"]
    ordering = ["-id"]
    search_fields = ["name", "slug"]

    @admin.display(description="id")
    def public_id_(self, app: App) -> str:
        return app.public_id

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
        return self.is_permitted_to_change(request)

    def save_model(self, request: HttpRequest, obj: App, form: Any, change: bool) -> None:
        assert isinstance(request.user, User)  # noqa: S101 (the admin site is for staff)
        actor = Actor.of_user(request.user, request.META.get("REMOTE_ADDR") or None)
        set_app_weight(obj, form.cleaned_data["weight"], actor)
