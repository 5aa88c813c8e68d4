"""Routes below `/api/v1/apps/{app}/`."""

from django.urls import path

from webhooks.api.audit import AuditExportView, AuditView
from webhooks.api.endpoints import (
    DisableView,
    EnableView,
    EndpointsView,
    EndpointView,
    RotateView,
    SecretView,
    StatsView,
    TestSendView,
)
from webhooks.api.organization_domains import DomainsView, DomainView, VerifyView
from webhooks.api.organization_invitations import AcceptView, InvitationsView, InvitationView, RevokeView
from webhooks.api.organization_members import MembersView, MemberView
from webhooks.api.organizations import OrganizationsView, OrganizationView

_INVITATION = "organizations/<str:id>/invitations/<str:invitation_id>"
_DOMAIN = "organizations/<str:id>/domains/<str:domain_id>"

urlpatterns = [
    path("audit", AuditView.as_view()),
    path("audit/export", AuditExportView.as_view()),
    path("endpoints", EndpointsView.as_view()),
    path("endpoints/<str:id>", EndpointView.as_view()),
    path("endpoints/<str:id>/secret", SecretView.as_view()),
    path("endpoints/<str:id>/secret/rotate", RotateView.as_view()),
    path("endpoints/<str:id>/enable", EnableView.as_view()),
    path("endpoints/<str:id>/disable", DisableView.as_view()),
    path("endpoints/<str:id>/stats", StatsView.as_view()),
    path("endpoints/<str:id>/test", TestSendView.as_view()),
    path("organizations", OrganizationsView.as_view()),
    path("organizations/<str:id>", OrganizationView.as_view()),
    path("organizations/<str:id>/members", MembersView.as_view()),
    path("organizations/<str:id>/members/<str:member_id>", MemberView.as_view()),
    path("organizations/<str:id>/invitations", InvitationsView.as_view()),
    path(_INVITATION, InvitationView.as_view()),
    path(f"{_INVITATION}/accept", AcceptView.as_view()),
    path(f"{_INVITATION}/revoke", RevokeView.as_view()),
    path("organizations/<str:id>/domains", DomainsView.as_view()),
    path(_DOMAIN, DomainView.as_view()),
    path(f"{_DOMAIN}/verify", VerifyView.as_view()),
]
