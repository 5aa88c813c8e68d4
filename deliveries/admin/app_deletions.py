"""Apps that are being deleted, for operators: how far each has come. It ends by itself (deliveries/app_deletion.py)."""

from django.contrib import admin

from deliveries.models import AppDeletion
from switera_webhooks.admin.lists import BigTableAdmin
from switera_webhooks.ids import Prefix


@admin.register(AppDeletion)
class AppDeletionAdmin(BigTableAdmin[AppDeletion]):
    list_display = ["app", "started_at", "actor_name", "progress_", "worked_at"]
    list_select_related = ["app"]
    ordering = ["-started_at"]
    fields = ["app", "started_at", "actor_name", "endpoints_go_at", "progress_", "worked_at"]
    found_by = {Prefix.APP: "app"}
    search_help_text = "An app's id"

    @admin.display(description="events and deliveries deleted")
    def progress_(self, deletion: AppDeletion) -> str:
        total = "not counted yet" if deletion.rows is None else f"{deletion.rows:,}"
        return f"{deletion.deleted:,} of {total}"
