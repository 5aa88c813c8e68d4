"""Replays for operators: how far each has come, and ending one."""

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from deliveries.models import Replay, ReplayKind, ReplayStatus
from deliveries.models.replay import ACTIVE
from deliveries.replays import cancel_replay
from switera_webhooks.admin.actions import act_on_each
from switera_webhooks.admin.app_columns import AppColumns
from switera_webhooks.admin.lists import BigTableAdmin, LabelledFilter
from switera_webhooks.admin.shown import code, json_text, list_link
from switera_webhooks.ids import Prefix
from webhooks.audit import Actor
from webhooks.models import AuditEntry


class StatusFilter(LabelledFilter):
    title = "status"
    parameter_name = "status"
    labels = {"active": "Queued or running", **dict(ReplayStatus.choices)}

    def condition(self, value: str) -> Q:
        return Q(status__in=ACTIVE) if value == "active" else Q(status=value)


class KindFilter(LabelledFilter):
    title = "kind"
    parameter_name = "kind"
    labels = dict(ReplayKind.choices)

    def condition(self, value: str) -> Q:
        return Q(kind=value)


@admin.register(Replay)
class ReplayAdmin(AppColumns, BigTableAdmin[Replay]):
    list_display = ["id_", "kind", "status", "progress_", "app_", "environment", "created_at", "finished_at"]
    list_filter = [StatusFilter, KindFilter, "environment"]
    list_select_related = ["app"]
    fields = ["id_", "kind", "status", "app_", "environment", "filters_", "count", "retried", "created", "skipped"]
    fields += ["created_at", "worked_at", "finished_at", "audit_"]
    found_by = {Prefix.JOB: "pk", Prefix.APP: "app"}
    search_help_text = "The id of a replay or an app"
    actions = ["cancel"]

    @admin.action(description="Cancel what is left", permissions=["operate"])
    def cancel(self, request: HttpRequest, replays: QuerySet[Replay]) -> None:
        def act(replay: Replay, actor: Actor) -> None:
            cancel_replay(replay, actor)

        act_on_each(request, replays, act, "canceled", instead="Select fewer of them.")

    @admin.display(description="id")
    def id_(self, replay: Replay) -> SafeString:
        return code(replay.public_id)

    @admin.display(description="progress")
    def progress_(self, replay: Replay) -> str:
        return f"{replay.progress:,} of {replay.count:,}"

    @admin.display(description="filters")
    def filters_(self, replay: Replay) -> SafeString:
        return json_text(replay.filters, "Filters")

    @admin.display(description="of this replay")
    def audit_(self, replay: Replay) -> SafeString:
        return list_link(AuditEntry, "Audit entries", q=replay.public_id)
