"""The pages below `/apps/{slug}/`, beside Services > Webhooks."""

from django.urls import path

from webhooks.views import (
    api_keys,
    app_settings,
    audit_logs,
    members,
    organization_domains,
    organization_invitations,
    organization_members,
    organizations,
)

_ORGANIZATION = "organizations/<str:organization>/"
_MEMBER = f"{_ORGANIZATION}members/<str:member>/"
_INVITATION = f"{_ORGANIZATION}invitations/<str:invitation>/"
_DOMAIN = f"{_ORGANIZATION}domains/<str:domain>/"

urlpatterns = [
    path("organizations/", organizations.organizations, name="organizations"),
    path("organizations/add/", organizations.organization_add, name="organization_add"),
    path(_ORGANIZATION, organizations.organization, name="organization"),
    path(f"{_ORGANIZATION}edit/", organizations.organization_edit, name="organization_edit"),
    path(f"{_ORGANIZATION}delete/", organizations.organization_delete, name="organization_delete"),
    path(f"{_ORGANIZATION}members/", organization_members.organization_members, name="organization_members"),
    path(f"{_ORGANIZATION}members/add/", organization_members.organization_member_add, name="organization_member_add"),
    path(_MEMBER, organization_members.organization_member, name="organization_member"),
    path(f"{_MEMBER}remove/", organization_members.organization_member_remove, name="organization_member_remove"),
    path(
        f"{_ORGANIZATION}invitations/",
        organization_invitations.organization_invitations,
        name="organization_invitations",
    ),
    path(f"{_ORGANIZATION}invitations/add/", organization_invitations.organization_invite, name="organization_invite"),
    path(
        f"{_INVITATION}revoke/",
        organization_invitations.organization_invitation_revoke,
        name="organization_invitation_revoke",
    ),
    path(f"{_ORGANIZATION}domains/", organization_domains.organization_domains, name="organization_domains"),
    path(f"{_ORGANIZATION}domains/add/", organization_domains.organization_domain_add, name="organization_domain_add"),
    path(_DOMAIN, organization_domains.organization_domain, name="organization_domain"),
    path(
        f"{_DOMAIN}auto-join/", organization_domains.organization_domain_auto_join, name="organization_domain_auto_join"
    ),
    path(f"{_DOMAIN}remove/", organization_domains.organization_domain_remove, name="organization_domain_remove"),
    path("api-keys/", api_keys.api_keys, name="api_keys"),
    path("api-keys/create/", api_keys.api_key_create, name="api_key_create"),
    path("api-keys/<str:key_id>/", api_keys.api_key, name="api_key"),
    path("api-keys/<str:key_id>/rotate/", api_keys.api_key_rotate, name="api_key_rotate"),
    path("api-keys/<str:key_id>/revoke/", api_keys.api_key_revoke, name="api_key_revoke"),
    path("members/", members.members, name="members"),
    path("members/add/", members.member_add, name="member_add"),
    path("members/leave/", members.leave, name="leave_app"),
    path("members/<int:user_id>/role/", members.member_role, name="member_role"),
    path("members/<int:user_id>/remove/", members.member_remove, name="member_remove"),
    path("audit-logs/", audit_logs.audit_logs, name="audit_logs"),
    path("audit-logs/export/", audit_logs.audit_export, name="audit_export"),
    path("settings/", app_settings.app_settings, name="app_settings"),
    path("settings/delete/", app_settings.app_delete, name="app_delete"),
]
