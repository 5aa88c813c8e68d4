"""Endpoints for operators: which need a look, what can be done about them, and nothing of secrets and header values."""

import datetime as dt
from collections import Counter
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from deliveries.delivery_filter import DeliveryFilter
from deliveries.endpoint_facts import health_of, with_health, with_waiting_for_retry
from deliveries.endpoint_fields import MASK
from deliveries.endpoints import disable_endpoint, enable_endpoint
from deliveries.models import Delivery, Lane, ReplayKind
from deliveries.replays import start_replay
from deliveries.tally import MINUTE, bucket_start
from switera_webhooks.admin.actions import act_on_each
from switera_webhooks.admin.app_columns import AppColumns
from switera_webhooks.admin.lists import BigTableAdmin, LabelledFilter
from switera_webhooks.admin.shown import at, badge, code, json_text, link, links, list_link, object_link, pairs
from switera_webhooks.ids import Prefix
from switera_webhooks.pages.badges import HEALTH, Badge, enabled_badge
from webhooks.audit import Actor
from webhooks.models import AuditEntry, DisabledReason, Endpoint, EndpointSecret

_INSTEAD = "Select fewer of them."
_DAY = dt.timedelta(days=1)
_DELETED = Badge("idle", "trash-2", "Deleted")


class StateFilter(LabelledFilter):
    """Which are enabled, and who disabled the others."""

    title = "state"
    parameter_name = "state"
    labels = {
        "enabled": "Enabled",
        "disabled": "Disabled",
        "disabled_today": "Disabled in the last 24 hours",
        DisabledReason.MANUAL: "Disabled: by a person",
        DisabledReason.GONE: "Disabled: gone (410)",
        DisabledReason.SUSTAINED_FAILURE: "Disabled: only failures",
        "deleted": "Deleted",
    }

    def condition(self, value: str) -> Q:
        if value == "deleted":
            return Q(deleted_at__isnull=False)
        if value == "enabled":
            return Q(deleted_at=None, disabled_at=None)
        if value == "disabled":
            return Q(deleted_at=None, disabled_at__isnull=False)
        if value == "disabled_today":
            return Q(deleted_at=None, disabled_at__gte=timezone.now() - _DAY)
        return Q(deleted_at=None, disabled_reason=value)


class FailingFilter(LabelledFilter):
    """Enabled ones that had nothing but failures for some time."""

    title = "failing since"
    parameter_name = "failing"
    labels = {"yes": "Its last success", "hour": "An hour or more", "day": "A day or more"}

    def condition(self, value: str) -> Q:
        enabled = Q(deleted_at=None, lane__held=False)
        if value == "yes":
            return enabled & Q(lane__failing_since__isnull=False)
        length = dt.timedelta(hours=1) if value == "hour" else _DAY
        return enabled & Q(lane__failing_since__lte=timezone.now() - length)


class WaitingFilter(LabelledFilter):
    """What waits for them."""

    title = "pending"
    parameter_name = "pending"
    labels = {"retries": "Has pending retries", "anything": "Has anything pending"}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        waiting = Q(lane__urgent_from__isnull=False) | Q(lane__retry_from__isnull=False)
        if self.value() == "retries":
            # The lane tells first, which is one row; then the deliveries themselves.
            return with_waiting_for_retry(queryset.filter(waiting)).filter(waiting_for_retry=True)
        if self.value() == "anything":
            return queryset.filter(waiting | Q(lane__fresh_from__isnull=False))
        return queryset


class BreakerFilter(LabelledFilter):
    """Those that are held back."""

    title = "held back"
    parameter_name = "held_back"
    labels = {"breaker": "Circuit breaker not closed", "paused": "The receiver asked for a pause"}

    def condition(self, value: str) -> Q:
        if value == "breaker":
            return Q(lane__open_until__isnull=False)
        return Q(lane__paused_until__gt=timezone.now())


@admin.register(Endpoint)
class EndpointAdmin(AppColumns, BigTableAdmin[Endpoint]):
    list_display = ["id_", "endpoint_", "in_app_", "state_", "failing_since_"]
    list_filter = [StateFilter, FailingFilter, WaitingFilter, BreakerFilter, "environment"]
    list_select_related = ["app", "lane"]
    fieldsets = [
        (None, {"fields": ["id_", "app_", "environment", "organization", "name", "description", "url_", "links_"]}),
        ("How it does", {"fields": ["health_", "state_", "disabled_at", "failing_since_", "lane_"]}),
        ("What it takes", {"fields": ["event_types", "rate_limit", "headers_", "secrets_", "metadata_"]}),
        ("Times", {"fields": ["created_at", "updated_at", "deleted_at"]}),
    ]
    found_by = {
        Prefix.ENDPOINT: "pk",
        Prefix.APP: "app",
        Prefix.ORGANIZATION: "organization",
        Prefix.DELIVERY: "deliveries",
        Prefix.EVENT: "deliveries__event",
    }
    texts = ["name__icontains", "url__icontains"]
    search_help_text = "Any id of an endpoint, app, organization, delivery or event, or part of a name or URL"
    actions = ["disable", "enable", "replay_failed"]

    @admin.action(description="Disable (deliveries are held)", permissions=["operate"])
    def disable(self, request: HttpRequest, endpoints: QuerySet[Endpoint]) -> None:
        def act(endpoint: Endpoint, actor: Actor) -> str | None:
            if endpoint.disabled_at is not None:
                return "It is disabled already."
            disable_endpoint(endpoint, DisabledReason.MANUAL, actor)
            return None

        act_on_each(request, endpoints, act, "disabled", instead=_INSTEAD)

    @admin.action(description="Enable (release what is held)", permissions=["operate"])
    def enable(self, request: HttpRequest, endpoints: QuerySet[Endpoint]) -> None:
        def act(endpoint: Endpoint, actor: Actor) -> str | None:
            if endpoint.disabled_at is None and endpoint.deleted_at is None:
                return "It is enabled already."
            enable_endpoint(endpoint, actor, held="release")
            return None

        act_on_each(request, endpoints, act, "enabled", instead=_INSTEAD)

    @admin.action(description="Replay what failed in the last 24 hours", permissions=["operate"])
    def replay_failed(self, request: HttpRequest, endpoints: QuerySet[Endpoint]) -> None:
        # From a whole minute on: asked for twice in a row it is the same replay.
        since = bucket_start(timezone.now(), MINUTE) - _DAY
        found: Counter[str] = Counter()

        def act(endpoint: Endpoint, actor: Actor) -> str | None:
            failed = DeliveryFilter(endpoint_id=endpoint.pk, after=since)
            replay = start_replay(endpoint.app, endpoint.environment, ReplayKind.FAILED, failed, actor)
            found["deliveries"] += replay.count
            return None

        act_on_each(
            request,
            endpoints,
            act,
            "replays started",
            instead=_INSTEAD,
            more=lambda: f"They come to {found['deliveries']:,} failed deliveries.",
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("headers")  # up to 80 KiB each, and no list shows them

    @admin.display(description="id", ordering="id")
    def id_(self, endpoint: Endpoint) -> SafeString:
        return code(endpoint.public_id)

    @admin.display(description="endpoint", ordering="name")
    def endpoint_(self, endpoint: Endpoint) -> SafeString:
        return format_html("{}{}", endpoint.name, code(endpoint.url))

    @admin.display(description="URL", ordering="url")
    def url_(self, endpoint: Endpoint) -> SafeString:
        return code(endpoint.url)

    @admin.display(description="state")
    def state_(self, endpoint: Endpoint) -> SafeString:
        return badge(enabled_badge(endpoint.disabled_reason) if endpoint.deleted_at is None else _DELETED)

    @admin.display(description="failing since", ordering="lane__failing_since")
    def failing_since_(self, endpoint: Endpoint) -> str:
        return at(endpoint.lane.failing_since)

    @admin.display(description="health")
    def health_(self, endpoint: Endpoint) -> SafeString:
        row = with_health(Endpoint.objects.filter(pk=endpoint.pk)).get()
        return badge(HEALTH[health_of(row)])

    @admin.display(description="lane")
    def lane_(self, endpoint: Endpoint) -> SafeString:
        return object_link(Lane, endpoint.pk, f"Circuit breaker {endpoint.lane.breaker.label.lower()}, and its pace")

    @admin.display(description="of this endpoint")
    def links_(self, endpoint: Endpoint) -> SafeString:
        key = endpoint.public_id
        lists = [
            list_link(Endpoint, "Disable, enable or replay it", q=key),
            list_link(Delivery, "deliveries", q=key),
            list_link(Delivery, "failed deliveries", q=key, status="failed"),
            list_link(AuditEntry, "audit entries", q=key),
        ]
        if endpoint.deleted_at is None:
            url = reverse(f"{endpoint.environment}:endpoint", args=[endpoint.app.slug, key])
            lists.append(link(url, "its page"))
        return links(lists)

    @admin.display(description="headers")
    def headers_(self, endpoint: Endpoint) -> SafeString:
        return pairs(dict.fromkeys(endpoint.headers, MASK))

    @admin.display(description="secrets")
    def secrets_(self, endpoint: Endpoint) -> SafeString:
        return list_link(EndpointSecret, "When they were made and end", q=endpoint.public_id)

    @admin.display(description="metadata")
    def metadata_(self, endpoint: Endpoint) -> SafeString:
        return json_text(endpoint.metadata, "Metadata")
