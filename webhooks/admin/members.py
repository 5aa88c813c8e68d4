"""Memberships and organizations for operators, to look at: an app's own people change them."""

from django.contrib import admin

from switera_webhooks.admin.lists import BigTableAdmin
from switera_webhooks.ids import Prefix
from webhooks.models import Membership, Organization


@admin.register(Membership)
class MembershipAdmin(BigTableAdmin[Membership]):
    list_display = ["user", "app", "role", "created_at"]
    list_filter = ["role"]
    list_select_related = ["app", "user"]
    found_by = {Prefix.APP: "app"}
    texts = ["user__username", "user__email__iexact", "app__slug"]
    search_help_text = "An app's id or slug, or a Builder's username or e-mail"


@admin.register(Organization)
class OrganizationAdmin(BigTableAdmin[Organization]):
    fields = ["public_id_", "app", "name", "slug", "state", "created_at", "updated_at"]
    list_display = ["public_id_", "name", "app", "state", "created_at"]
    list_filter = ["state"]
    list_select_related = ["app"]
    found_by = {Prefix.ORGANIZATION: "pk", Prefix.APP: "app"}
    texts = ["slug", "name__icontains"]
    search_help_text = "An organization's or app's id, a slug, or part of a name"

    @admin.display(description="id")
    def public_id_(self, organization: Organization) -> str:
        return organization.public_id
