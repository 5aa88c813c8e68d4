"""The pages below `/apps/{slug}/`, beside Services > Webhooks."""

from django.urls import path

from webhooks.views import app_settings

urlpatterns = [
    path("settings/", app_settings.app_settings, name="app_settings"),
    path("settings/delete/", app_settings.app_delete, name="app_delete"),
]
