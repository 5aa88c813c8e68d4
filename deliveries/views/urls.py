"""The pages of this room below `/apps/{slug}/webhooks/`."""

from django.urls import path

from deliveries.views import deliveries, overview, test_send

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("deliveries/", deliveries.deliveries, name="deliveries"),
    path("deliveries/<str:dlv_id>/", deliveries.delivery, name="delivery"),
    path("test-send/", test_send.test_send, name="test_send"),
    path("test-send/<str:dlv_id>/", test_send.test_send_result, name="test_send_result"),
]
