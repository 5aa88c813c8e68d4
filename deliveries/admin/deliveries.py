"""Deliveries for operators: history to look at, and two actions on those that are stuck."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from deliveries.delivery_actions import cancel_delivery, retry_delivery
from deliveries.error_codes import ErrorCode
from deliveries.models import Attempt, Delivery, DeliveryStatus
from events.models import Event
from switera_webhooks.admin.actions import act_on_each
from switera_webhooks.admin.app_columns import AppColumns
from switera_webhooks.admin.history import HistoryAdmin, by_environment
from switera_webhooks.admin.lists import LabelledFilter, TestFilter
from switera_webhooks.admin.named import Named
from switera_webhooks.admin.shown import (
    badge,
    code,
    json_text,
    link,
    links,
    list_link,
    object_link,
    table,
    yes_no,
)
from switera_webhooks.ids import Prefix, to_public_id
from switera_webhooks.pages.badges import delivery_badge
from switera_webhooks.templatetags.pages import attempt_badge
from webhooks.audit import Actor
from webhooks.models import AuditEntry, Endpoint

# Of a delivery's attempts the newest are on its page; a list has them all.
ATTEMPTS_SHOWN = 20
_INSTEAD = "For more use a replay: on the app's pages, or on an endpoint's list here."
_UNDER_WAY = {"pending", "retrying", "held", "sending", "late"}


class StatusFilter(LabelledFilter):
    """The states of a delivery, and what a pending one waits for."""

    title = "status"
    parameter_name = "status"
    labels = {
        "pending": "Pending",
        "retrying": "Pending: has been tried",
        "held": "Pending: held, endpoint disabled",
        "sending": "Sending",
        "late": "Sending: its worker is late",
        "succeeded": "Succeeded",
        "failed": "Failed",
        "canceled": "Canceled",
    }

    def condition(self, value: str) -> Q:
        if value == "retrying":
            return Q(status=DeliveryStatus.PENDING, attempt_count__gt=0)
        if value == "held":
            return Q(status=DeliveryStatus.PENDING, test=False, endpoint__disabled_at__isnull=False)
        if value == "late":
            return Q(status=DeliveryStatus.SENDING, leased_until__lt=timezone.now())
        return Q(status=value)


class ErrorCodeFilter(LabelledFilter):
    """Why the last attempt failed."""

    title = "error code"
    parameter_name = "error"
    labels = {error.value: error.value for error in ErrorCode}

    def condition(self, value: str) -> Q:
        return Q(error_code=value)


@admin.register(Delivery)
class DeliveryAdmin(AppColumns, HistoryAdmin[Delivery]):
    list_display = ["id_", "status_", "event_", "to_", "attempts_", "created_at"]
    list_filter = [StatusFilter, ErrorCodeFilter, "environment", TestFilter]
    list_select_related = ["app", "endpoint"]
    fieldsets = [
        (None, {"fields": ["id_", "status_", "event_", "endpoint_", "app_", "environment", "test_"]}),
        ("Attempts", {"fields": ["attempt_table_", "attempt_count", "last_attempt_at", "last_", "error"]}),
        ("What is next", {"fields": ["due_at", "turn", "schedule_position", "lost_count", "lease", "leased_until"]}),
        ("What is sent", {"fields": ["payload_"]}),
        ("More", {"fields": ["created_at", "links_"]}),
    ]
    found_by = {
        Prefix.DELIVERY: "pk",
        Prefix.EVENT: "event",
        Prefix.ENDPOINT: "endpoint",
        Prefix.APP: "app",
        Prefix.ATTEMPT: "attempts",
    }
    texts = ["event_type"]
    search_help_text = "Any id of a delivery, event, attempt, endpoint or app, or an event type in full"
    actions = ["retry", "cancel"]

    @admin.action(description="Retry now", permissions=["operate"])
    def retry(self, request: HttpRequest, deliveries: QuerySet[Delivery]) -> None:
        def act(delivery: Delivery, actor: Actor) -> None:
            retry_delivery(delivery, actor)

        act_on_each(request, deliveries, act, "retried", instead=_INSTEAD)

    @admin.action(description="Cancel what is pending", permissions=["operate"])
    def cancel(self, request: HttpRequest, deliveries: QuerySet[Delivery]) -> None:
        def act(delivery: Delivery, actor: Actor) -> None:
            cancel_delivery(delivery, actor)

        act_on_each(request, deliveries, act, "canceled", instead="Disable the endpoint, or select fewer of them.")

    def scopes(self, named: Named | None) -> Sequence[Q]:
        return by_environment(named)

    def are_few(self, params: dict[str, Any]) -> bool:
        return params.get("status") in _UNDER_WAY

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("endpoint__headers")

    @admin.display(description="id")
    def id_(self, delivery: Delivery) -> SafeString:
        return code(delivery.public_id)

    @admin.display(description="status")
    def status_(self, delivery: Delivery) -> SafeString:
        held = not delivery.test and delivery.endpoint.disabled_at is not None
        return badge(delivery_badge(delivery.status, attempts=delivery.attempt_count, held=held))

    @admin.display(description="event")
    def event_(self, delivery: Delivery) -> SafeString:
        return object_link(Event, delivery.event_id, delivery.event_type)

    @admin.display(description="endpoint")
    def endpoint_(self, delivery: Delivery) -> SafeString:
        return object_link(Endpoint, delivery.endpoint_id, delivery.endpoint)

    @admin.display(description="endpoint and app")
    def to_(self, delivery: Delivery) -> SafeString:
        return format_html("{}<br>{}", self.endpoint_(delivery), self.in_app_(delivery))

    @admin.display(description="test send")
    def test_(self, delivery: Delivery) -> str:
        return yes_no(delivery.test)

    @admin.display(description="attempts")
    def attempts_(self, delivery: Delivery) -> SafeString:
        """How many, and what the last one got."""
        last = self.last_(delivery)
        text = f"{delivery.attempt_count}" if last == "-" else f"{delivery.attempt_count}: {last}"
        return list_link(Attempt, text, q=delivery.public_id)

    @admin.display(description="last answer")
    def last_(self, delivery: Delivery) -> str:
        """The status, and why the attempt failed where the status does not say."""
        parts = [str(delivery.response_status or ""), delivery.error_code.replace("http_status", "")]
        return " ".join(part for part in parts if part) or "-"

    @admin.display(description="newest attempts")
    def attempt_table_(self, delivery: Delivery) -> SafeString:
        rows = delivery.attempts.order_by("-number").defer("response_body", "response_headers")[:ATTEMPTS_SHOWN]
        return table(
            ["Attempt", "Started", "Result", "Took", "Error"],
            (
                (
                    object_link(Attempt, row.pk, f"{row.number}"),
                    f"{row.started_at:%Y-%m-%d %H:%M:%S}",
                    attempt_badge(row.status, row.response_status),
                    f"{row.duration_ms:,} ms",
                    row.error_code or "-",
                )
                for row in rows
            ),
            "Newest attempts of this delivery",
        )

    @admin.display(description="payload")
    def payload_(self, delivery: Delivery) -> SafeString:
        return json_text(delivery.event.payload, "Payload")

    @admin.display(description="of this delivery")
    def links_(self, delivery: Delivery) -> SafeString:
        key = delivery.public_id
        page = reverse(f"{delivery.environment}:delivery", args=[delivery.app.slug, key])
        return links(
            [
                list_link(Delivery, "Retry or cancel it", q=key),
                list_link(Delivery, "the event's other deliveries", q=to_public_id(Prefix.EVENT, delivery.event_id)),
                list_link(AuditEntry, "audit entries", q=key),
                link(page, "its page"),
            ]
        )
