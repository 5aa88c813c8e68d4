"""Attempts for operators: what was sent when, and what came back."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from deliveries.admin.deliveries import ErrorCodeFilter
from deliveries.models import Attempt, AttemptStatus, Delivery
from events.models import Event
from switera_webhooks.admin.history import HistoryAdmin
from switera_webhooks.admin.lists import LabelledFilter
from switera_webhooks.admin.named import Named
from switera_webhooks.admin.shown import code, long_text, object_link, table
from switera_webhooks.ids import Prefix
from switera_webhooks.templatetags.pages import attempt_badge
from webhooks.models import Endpoint


class ResultFilter(LabelledFilter):
    title = "result"
    parameter_name = "result"
    labels = {AttemptStatus.SUCCEEDED: "Succeeded", AttemptStatus.FAILED: "Failed"}

    def condition(self, value: str) -> Q:
        return Q(status=value)


class ResponseFilter(LabelledFilter):
    title = "response status"
    parameter_name = "response"
    labels = {"none": "No answer", "2": "2xx", "3": "3xx", "4": "4xx", "5": "5xx"}

    def condition(self, value: str) -> Q:
        if value == "none":
            return Q(response_status=None)
        return Q(response_status__gte=int(value) * 100, response_status__lt=int(value) * 100 + 100)


@admin.register(Attempt)
class AttemptAdmin(HistoryAdmin[Attempt]):
    list_display = ["id_", "result_", "error_code", "took_", "started_at", "number_", "endpoint_"]
    list_filter = [ResultFilter, ErrorCodeFilter, ResponseFilter]
    list_select_related = ["delivery__endpoint"]
    fields = ["id_", "number", "delivery_", "event_", "endpoint_", "started_at", "took_", "result_", "error_code"]
    fields += ["error", "response_headers_", "response_body_", "response_truncated"]
    found_by = {Prefix.ATTEMPT: "pk", Prefix.DELIVERY: "delivery"}
    search_help_text = "The id of an attempt, a delivery or an event"

    def condition_of(self, named: Named | None, term: str) -> Q:
        if named is not None and named.prefix == Prefix.EVENT:
            # By key, so that the list's order is no reason to read all attempts.
            return Q(delivery__in=list(Delivery.objects.filter(event=named.key).values_list("pk", flat=True)[:1_000]))
        return super().condition_of(named, term)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        large = ("response_headers", "response_body", "delivery__endpoint__headers")  # and no list shows them
        return super().get_queryset(request).defer(*large)

    @admin.display(description="id")
    def id_(self, attempt: Attempt) -> SafeString:
        return code(attempt.public_id)

    @admin.display(description="result")
    def result_(self, attempt: Attempt) -> SafeString:
        return attempt_badge(attempt.status, attempt.response_status)

    @admin.display(description="of")
    def number_(self, attempt: Attempt) -> SafeString:
        return object_link(Delivery, attempt.delivery_id, f"{attempt.delivery.event_type}, attempt {attempt.number}")

    @admin.display(description="took")
    def took_(self, attempt: Attempt) -> str:
        return f"{attempt.duration_ms:,} ms"

    @admin.display(description="delivery")
    def delivery_(self, attempt: Attempt) -> SafeString:
        return object_link(Delivery, attempt.delivery_id, attempt.delivery)

    @admin.display(description="event")
    def event_(self, attempt: Attempt) -> SafeString:
        return object_link(Event, attempt.delivery.event_id, "Event")

    @admin.display(description="endpoint")
    def endpoint_(self, attempt: Attempt) -> SafeString:
        return object_link(Endpoint, attempt.delivery.endpoint_id, attempt.delivery.endpoint)

    @admin.display(description="response headers")
    def response_headers_(self, attempt: Attempt) -> SafeString | str:
        if not attempt.response_headers:
            return "-"
        return table(["Name", "Value"], attempt.response_headers, "Headers of the answer")

    @admin.display(description="response body")
    def response_body_(self, attempt: Attempt) -> SafeString:
        return long_text(attempt.response_body, "Response body")
