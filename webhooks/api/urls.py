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
]
