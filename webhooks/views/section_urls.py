"""The pages below `/apps/{slug}/`, beside Services > Webhooks."""

from django.urls import path

from webhooks.views import api_keys, app_settings, audit_logs, members

urlpatterns = [
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
