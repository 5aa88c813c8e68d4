"""REST: replays, jobs that send many deliveries again (S41)."""

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from deliveries.api.replay_serializers import ReplaySerializer, StartReplaySerializer
from deliveries.delivery_filter import DeliveryFilter
from deliveries.models import Replay, ReplayKind
from deliveries.replays import cancel_replay, start_replay
from switera_webhooks.api.fields import EmptySerializer
from switera_webhooks.api.openapi import answers, path_parameter
from switera_webhooks.api.views import validated_body
from switera_webhooks.ids import Prefix
from webhooks.api.app_view import AppView, one_of
from webhooks.models import Endpoint

_ID = path_parameter("id", "The replay's id, `job_…`.")
_SHAPE = ReplaySerializer()
_EXAMPLE = {
    "endpoint_id": "ep_01m84w1vmver3skjvqwnncx601",
    "kind": "failed",
    "after": "2026-11-23T08:00:00Z",
    "before": "2026-11-23T12:00:00Z",
}


class _ReplaysOfKey(AppView):
    def replays(self) -> QuerySet[Replay]:
        return Replay.objects.filter(app=self.app, environment=self.environment)


class ReplaysView(_ReplaysOfKey):
    @extend_schema(
        operation_id="start_replay",
        summary="Start a replay",
        description="Sends again, oldest first, what failed, what the endpoint missed, or all of a time: each "
        "delivery gets one attempt and, if it fails, the retry schedule from its start. First attempts go before it; "
        "on a disabled endpoint it is held. Test sends are left out.\n\n"
        "The same one started while it runs is the same job. 409 where the endpoint is deleted, 429 where more "
        "deliveries match than one replay may have (100,000 unless the operator says otherwise).",
        tags=["Replays"],
        request=StartReplaySerializer,
        responses=answers({202: ReplaySerializer}, 400, 409, 415, 429),
        examples=[OpenApiExample("What failed during an outage", _EXAMPLE, request_only=True)],
    )
    def post(self, request: Request, app: str) -> Response:
        asked = validated_body(StartReplaySerializer, request)
        of_key = Endpoint.objects.filter(app=self.app, environment=self.environment)
        if not of_key.filter(pk=asked["endpoint_id"]).exists():
            raise NotFound
        filters = DeliveryFilter.of({**asked, "test": False})
        replay = start_replay(self.app, self.environment, ReplayKind(asked["kind"]), filters, self.actor)
        return Response(_SHAPE.to_representation(replay), status=202)


class ReplayView(_ReplaysOfKey):
    @extend_schema(
        operation_id="get_replay",
        summary="Read a replay",
        description="With how far it has come.",
        tags=["Replays"],
        parameters=[_ID],
        responses=answers({200: ReplaySerializer}),
    )
    def get(self, request: Request, app: str, id: str) -> Response:
        return Response(_SHAPE.to_representation(one_of(self.replays(), Prefix.JOB, id)))


class CancelReplayView(_ReplaysOfKey):
    @extend_schema(
        operation_id="cancel_replay",
        summary="Cancel a replay",
        description="It goes no further; what it has made pending is sent. 409 where it has ended.",
        tags=["Replays"],
        parameters=[_ID],
        request=None,
        responses=answers({200: ReplaySerializer}, 400, 409, 415),
    )
    def post(self, request: Request, app: str, id: str) -> Response:
        replay = one_of(self.replays(), Prefix.JOB, id)
        validated_body(EmptySerializer, request)
        return Response(_SHAPE.to_representation(cancel_replay(replay, self.actor)))
