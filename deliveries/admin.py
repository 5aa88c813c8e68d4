"""Lanes for operators: where each endpoint's sending stands. Nothing is changed here."""

import datetime as dt
import uuid
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from deliveries.models import Lane
from deliveries.models.lane import BreakerState
from switera_webhooks.admin import BigTableAdmin, LabelledFilter
from switera_webhooks.ids import Prefix, from_public_id


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
    labels = {"yes": "Something waits"}

    def condition(self, value: str) -> Q:
        return Q(urgent_from__isnull=False) | Q(fresh_from__isnull=False) | Q(retry_from__isnull=False)


@admin.register(Lane)
class LaneAdmin(BigTableAdmin[Lane]):
    list_display = [
        "endpoint_id_",
        "app",
        "breaker_",
        "open_until",
        "failures_in_a_row",
        "in_flight",
        "cap",
        "failing_since",
    ]
    list_filter = [BreakerFilter, FailingFilter, WaitingFilter]
    list_select_related = ["endpoint", "app"]
    ordering = ["-endpoint_id"]
    # The box is shown for a name here; get_search_results says what it finds.
    search_fields = ["endpoint_id"]
    search_help_text = "An endpoint's id, with or without ep_"

    @admin.display(description="endpoint", ordering="endpoint_id")
    def endpoint_id_(self, lane: Lane) -> str:
        return lane.endpoint.public_id

    @admin.display(description="breaker")
    def breaker_(self, lane: Lane) -> str:
        return str(lane.breaker.label)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        key = _endpoint_key(term)
        return (queryset.none() if key is None else queryset.filter(pk=key)), False


def _endpoint_key(term: str) -> uuid.UUID | None:
    """The key behind an endpoint's public id, whose prefix may be missing; a UUID, as the database shows it, is one."""
    prefix = f"{Prefix.ENDPOINT}_"
    key = from_public_id(Prefix.ENDPOINT, term if term.startswith(prefix) else prefix + term)
    if key is not None:
        return key
    try:
        return uuid.UUID(term)
    except ValueError:
        return None
