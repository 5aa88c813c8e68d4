"""REST for Switera's own services: built-in events for any app, with the platform key (catalog.md).

No limit on events a second applies: the limit is there to hold Builders' apps, not the platform.
"""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from events.api.emit_requests import emit_requests, platform_request
from events.api.events import IDEMPOTENCY_KEY, batch_answer, batch_body, event_answer, header_key
from events.api.serializers import (
    EmittedBatchSerializer,
    EventSerializer,
    PlatformBatchSerializer,
    PlatformEmitSerializer,
)
from events.platform_events import emit_batch_for_platform, emit_for_platform
from switera_webhooks.api.openapi import answers
from switera_webhooks.api.views import JSONView
from webhooks.api.platform_authentication import PlatformKeyAuthentication

_EXAMPLE = {
    "app_id": "app_01kjpy44e0emq8k9w39qsaekf4",
    "environment": "live",
    "type": "auth.mfa.enabled",
    "data": {"user_id": "usr_7Kd02mQx", "factor_id": "fac_8Lp19wXe", "factor_type": "totp"},
}


class _PlatformView(JSONView):
    authentication_classes = [PlatformKeyAuthentication]
    permission_classes = []  # the key is the permission: without a good one authentication raises


class PlatformEventsView(_PlatformView):
    @extend_schema(
        operation_id="emit_platform_event",
        summary="Emit a built-in event for an app",
        description="As `POST /api/v1/apps/{app}/events`, with the platform key instead of the app's. An app's own "
        "event types are refused (403): they are emitted with a key of that app.",
        tags=["Platform"],
        parameters=[IDEMPOTENCY_KEY],
        request=PlatformEmitSerializer,
        responses=answers({202: EventSerializer}, 400, 403, 409, 413, 415),
        examples=[OpenApiExample("A user added a second factor", _EXAMPLE, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        return event_answer(emit_for_platform(platform_request(request.data, header_key(request))))


class PlatformEventBatchView(_PlatformView):
    @extend_schema(
        operation_id="emit_platform_event_batch",
        summary="Emit up to 1,000 built-in events, all or none",
        description="Of as many apps as may be, answered in the order given. Each event may have its own "
        "`idempotency_key`; the header Idempotency-Key is refused here.",
        tags=["Platform"],
        request=PlatformBatchSerializer,
        responses=answers({202: EmittedBatchSerializer}, 400, 403, 409, 413, 415),
        examples=[OpenApiExample("One event", {"events": [_EXAMPLE]}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        return batch_answer(emit_batch_for_platform(emit_requests(batch_body(request), platform_request)))
