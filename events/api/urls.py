"""Routes below `/api/v1/apps/{app}/`."""

from django.urls import path

from events.api.catalog_documents import ExportView, ImportView
from events.api.event_types import EventTypesView, EventTypeView
from events.api.events import EventBatchView, EventsView, EventView

urlpatterns = [
    path("events", EventsView.as_view()),
    path("events/batch", EventBatchView.as_view()),
    path("events/<str:id>", EventView.as_view()),
    path("event-types", EventTypesView.as_view()),
    # No event type has these names: one has a dot in it.
    path("event-types/export", ExportView.as_view()),
    path("event-types/import", ImportView.as_view()),
    path("event-types/<str:name>", EventTypeView.as_view()),
]
