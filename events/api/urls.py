"""Routes below `/api/v1/apps/{app}/`."""

from django.urls import path

from events.api.event_types import EventTypesView, EventTypeView
from events.api.events import EventBatchView, EventsView, EventView

urlpatterns = [
    path("events", EventsView.as_view()),
    path("events/batch", EventBatchView.as_view()),
    path("events/<str:id>", EventView.as_view()),
    path("event-types", EventTypesView.as_view()),
    path("event-types/<str:name>", EventTypeView.as_view()),
]
