"""Routes below `/api/v1/apps/{app}/`."""

from django.urls import path

from deliveries.api.deliveries import CancelView, DeliveriesView, DeliveryView, RetryView

urlpatterns = [
    path("deliveries", DeliveriesView.as_view()),
    path("deliveries/<str:id>", DeliveryView.as_view()),
    path("deliveries/<str:id>/retry", RetryView.as_view()),
    path("deliveries/<str:id>/cancel", CancelView.as_view()),
]
