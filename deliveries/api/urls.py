"""Routes below `/api/v1/apps/{app}/`."""

from django.urls import path

from deliveries.api.deliveries import CancelView, DeliveriesView, DeliveryView, RetryView
from deliveries.api.replays import CancelReplayView, ReplaysView, ReplayView

urlpatterns = [
    path("deliveries", DeliveriesView.as_view()),
    path("deliveries/<str:id>", DeliveryView.as_view()),
    path("deliveries/<str:id>/retry", RetryView.as_view()),
    path("deliveries/<str:id>/cancel", CancelView.as_view()),
    path("replays", ReplaysView.as_view()),
    path("replays/<str:id>", ReplayView.as_view()),
    path("replays/<str:id>/cancel", CancelReplayView.as_view()),
]
