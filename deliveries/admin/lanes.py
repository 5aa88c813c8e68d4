"""Lanes for operators: where each endpoint's sending stands. Nothing is changed here."""

import datetime as dt

from django.contrib import admin
from django.db.models import Q
from django.utils import timezone
from django.utils.safestring import SafeString

from deliveries.models import Lane
from deliveries.models.lane import BreakerState
from switera_webhooks.admin.app_columns import AppColumns
from switera_webhooks.admin.lists import BigTableAdmin, LabelledFilter
from switera_webhooks.admin.shown import badge, code, object_link
from switera_webhooks.ids import Prefix
from switera_webhooks.pages.badges import BREAKER
from webhooks.models import Endpoint


class BreakerFilter(LabelledFilter):
    """Lanes whose circuit breaker is not closed."""

    title = "breaker"
    parameter_name = "breaker"
    labels = {BreakerState.OPEN: "Open", BreakerState.HALF_OPEN: "Half-open"}

    def condition(self, value: str) -> Q:
        half_open = Q(probing=True) | Q(open_until__lte=timezone.now())
        return Q(open_until__isnull=False) & (half_open if value == BreakerState.HALF_OPEN else ~half_open)


class FailingFilter(LabelledFilter):
    """Lanes that had nothing but failures for some time."""

    title = "failing"
    parameter_name = "failing"
    labels = {"yes": "Since its last success", "hour": "For an hour"}

    def condition(self, value: str) -> Q:
        if value == "hour":
            return Q(failing_since__lte=timezone.now() - dt.timedelta(hours=1))
        return Q(failing_since__isnull=False)


class WaitingFilter(LabelledFilter):
    """Lanes on which something waits, due or not."""

    title = "waiting"
    parameter_name = "waiting"
    labels = {"yes": "Something waits", "due": "Something is due"}

    def condition(self, value: str) -> Q:
        if value == "due":
            now = timezone.now()
            return Q(first_wake_at__lte=now) | Q(retry_wake_at__lte=now)
        return Q(urgent_from__isnull=False) | Q(fresh_from__isnull=False) | Q(retry_from__isnull=False)


@admin.register(Lane)
class LaneAdmin(AppColumns, BigTableAdmin[Lane]):
    list_display = ["id_", "endpoint_", "app_", "breaker_", "open_until", "failures_in_a_row", "in_flight", "cap"]
    list_display += ["failing_since"]
    list_filter = [BreakerFilter, FailingFilter, WaitingFilter]
    list_select_related = ["endpoint", "app"]
    ordering = ["-endpoint_id"]
    found_by = {Prefix.ENDPOINT: "pk", Prefix.APP: "app", Prefix.DELIVERY: "endpoint__deliveries"}
    search_help_text = "The id of an endpoint, an app or a delivery"

    @admin.display(description="lane of", ordering="endpoint_id")
    def id_(self, lane: Lane) -> SafeString:
        return code(lane.endpoint.public_id)

    @admin.display(description="endpoint")
    def endpoint_(self, lane: Lane) -> SafeString:
        return object_link(Endpoint, lane.pk, lane.endpoint)

    @admin.display(description="breaker")
    def breaker_(self, lane: Lane) -> SafeString:
        return badge(BREAKER[lane.breaker])
