"""Organizations and what they own, for operators to look at: an app's own people change them."""

from django.contrib import admin

from switera_webhooks.admin.lists import BigTableAdmin, Row
from switera_webhooks.ids import Prefix
from webhooks.models import Invitation, Organization, OrganizationDomain, OrganizationMember


@admin.register(Organization)
class OrganizationAdmin(BigTableAdmin[Organization]):
    list_display = ["name", "app", "slug", "state", "created_at"]
    list_filter = ["state"]
    list_select_related = ["app"]
    found_by = {
        Prefix.ORGANIZATION: "pk",
        Prefix.APP: "app",
        Prefix.MEMBER: "members",
        Prefix.INVITATION: "invitations",
        Prefix.DOMAIN: "domains",
    }
    texts = ["slug", "name__icontains"]
    search_help_text = "The id of an organization, of an app or of a part of it; a slug, or part of a name"


class PartAdmin(BigTableAdmin[Row]):
    """Rows of one organization each."""

    list_select_related = ["organization__app"]

    @admin.display(description="app")
    def app_(self, part: OrganizationMember | Invitation | OrganizationDomain) -> str:
        return part.organization.app.name


@admin.register(OrganizationMember)
class OrganizationMemberAdmin(PartAdmin[OrganizationMember]):
    list_display = ["email", "user_id", "role", "organization", "app_", "source", "created_at"]
    list_filter = ["source"]
    found_by = {Prefix.MEMBER: "pk", Prefix.ORGANIZATION: "organization", Prefix.APP: "organization__app"}
    texts = ["email__iexact", "user_id"]
    search_help_text = "The id of a member, an organization or an app; an e-mail, or the Builder's own id of a user"


@admin.register(Invitation)
class InvitationAdmin(PartAdmin[Invitation]):
    list_display = ["email", "role", "organization", "app_", "state", "expires_at", "created_at"]
    list_filter = ["state"]
    found_by = {Prefix.INVITATION: "pk", Prefix.ORGANIZATION: "organization", Prefix.APP: "organization__app"}
    texts = ["email__iexact"]
    search_help_text = "The id of an invitation, an organization or an app, or an e-mail"


@admin.register(OrganizationDomain)
class OrganizationDomainAdmin(PartAdmin[OrganizationDomain]):
    list_display = ["domain", "organization", "app_", "method", "verified_at", "auto_join", "created_at"]
    list_filter = ["method"]
    found_by = {Prefix.DOMAIN: "pk", Prefix.ORGANIZATION: "organization", Prefix.APP: "app"}
    texts = ["domain"]
    search_help_text = "The id of a domain, an organization or an app, or a domain"
