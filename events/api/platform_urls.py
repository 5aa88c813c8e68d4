"""Routes below `/api/v1/platform/`."""

from django.urls import path

from events.api.platform import PlatformEventBatchView, PlatformEventsView

urlpatterns = [
    path("events", PlatformEventsView.as_view()),
    path("events/batch", PlatformEventBatchView.as_view()),
]
