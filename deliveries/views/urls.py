"""The pages of this room below `/apps/{slug}/webhooks/`."""

from django.urls import path

from deliveries.views import deliveries, delivery, overview, replay_list, replays, test_send

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("deliveries/", deliveries.deliveries, name="deliveries"),
    path("deliveries/replay/", replays.start, name="replay_start"),
    path("deliveries/<str:dlv_id>/", delivery.delivery, name="delivery"),
    path("deliveries/<str:dlv_id>/retry/", delivery.retry, name="delivery_retry"),
    path("deliveries/<str:dlv_id>/cancel/", delivery.cancel, name="delivery_cancel"),
    path("deliveries/<str:dlv_id>/curl/", delivery.curl, name="delivery_curl"),
    path("replays/", replay_list.replays, name="replays"),
    path("replays/<str:job_id>/", replays.replay, name="replay"),
    path("replays/<str:job_id>/cancel/", replays.cancel, name="replay_cancel"),
    path("test-send/", test_send.test_send, name="test_send"),
    path("test-send/<str:dlv_id>/", test_send.test_send_result, name="test_send_result"),
]
