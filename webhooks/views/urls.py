"""The pages of this room below `/apps/{slug}/webhooks/`."""

from django.urls import path

from webhooks.views import endpoints

urlpatterns = [
    path("endpoints/", endpoints.endpoints, name="endpoints"),
    path("endpoints/add/", endpoints.endpoint_add, name="endpoint_add"),
    path("endpoints/<str:ep_id>/", endpoints.endpoint, name="endpoint"),
]
