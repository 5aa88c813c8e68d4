"""The pages of this room below `/apps/{slug}/webhooks/`."""

from django.urls import path

from webhooks.views import (
    endpoint_overview,
    endpoint_secret,
    endpoint_settings,
    endpoint_setup,
    endpoint_state,
    endpoints,
)

urlpatterns = [
    path("endpoints/", endpoints.endpoints, name="endpoints"),
    path("endpoints/add/", endpoints.endpoint_add, name="endpoint_add"),
    path("endpoints/check-url/", endpoints.endpoint_url_check, name="endpoint_url_check"),
    path("endpoints/<str:ep_id>/", endpoint_overview.endpoint, name="endpoint"),
    path("endpoints/<str:ep_id>/settings/", endpoint_settings.endpoint_settings, name="endpoint_settings"),
    path("endpoints/<str:ep_id>/secret/", endpoint_secret.endpoint_secret, name="endpoint_secret"),
    path("endpoints/<str:ep_id>/secret/reveal/", endpoint_secret.endpoint_secret_reveal, name="endpoint_secret_reveal"),
    path("endpoints/<str:ep_id>/secret/rotate/", endpoint_secret.endpoint_secret_rotate, name="endpoint_secret_rotate"),
    path("endpoints/<str:ep_id>/setup/", endpoint_setup.endpoint_setup, name="endpoint_setup"),
    path("endpoints/<str:ep_id>/setup/<str:dlv_id>/", endpoint_setup.endpoint_arrival, name="endpoint_arrival"),
    path("endpoints/<str:ep_id>/disable/", endpoint_state.endpoint_disable, name="endpoint_disable"),
    path("endpoints/<str:ep_id>/enable/", endpoint_state.endpoint_enable, name="endpoint_enable"),
    path("endpoints/<str:ep_id>/delete/", endpoint_state.endpoint_delete, name="endpoint_delete"),
]
