"""The pages of this room below `/apps/{slug}/webhooks/`."""

from django.urls import path

from events.views import catalog

urlpatterns = [
    path("event-catalog/", catalog.event_catalog, name="event_catalog"),
    path("event-catalog/<str:name>/", catalog.event_type, name="event_type"),
]
