"""Memberships for operators, to look at: an app's own people change them."""

from django.contrib import admin

from switera_webhooks.admin.lists import BigTableAdmin
from switera_webhooks.ids import Prefix
from webhooks.models import Membership


@admin.register(Membership)
class MembershipAdmin(BigTableAdmin[Membership]):
    list_display = ["user", "app", "role", "created_at"]
    list_filter = ["role"]
    list_select_related = ["app", "user"]
    found_by = {Prefix.APP: "app"}
    texts = ["user__username", "user__email__iexact", "app__slug"]
    search_help_text = "An app's id or slug, or a Builder's username or e-mail"
