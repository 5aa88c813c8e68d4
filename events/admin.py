"""Events and the catalog for operators: read-only, and by way of an event to all that came of it."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from deliveries.delivery_rows import deliveries_to_show, is_held
from deliveries.models import Delivery
from events.models import Event, EventType
from switera_webhooks.admin.app_columns import AppColumns
from switera_webhooks.admin.history import HistoryAdmin, by_environment
from switera_webhooks.admin.lists import BigTableAdmin, LabelledFilter, TestFilter
from switera_webhooks.admin.named import Named
from switera_webhooks.admin.shown import badge, code, json_text, links, list_link, object_link, table, yes_no
from switera_webhooks.ids import Prefix
from switera_webhooks.pages.badges import delivery_badge
from webhooks.models import Endpoint

# Of an event's deliveries so many are on its page; a list has them all.
DELIVERIES_SHOWN = 20


class DispatchedFilter(LabelledFilter):
    """Events that have no deliveries yet."""

    title = "fan-out"
    parameter_name = "fan_out"
    labels = {"waiting": "Waits for it"}

    def condition(self, value: str) -> Q:
        return Q(dispatched_at=None)


@admin.register(Event)
class EventAdmin(AppColumns, HistoryAdmin[Event]):
    list_display = ["id_", "type", "in_app_", "test_", "created_at", "dispatched_at", "deliveries_"]
    list_filter = [DispatchedFilter, "environment", TestFilter]
    list_select_related = ["app"]
    fields = ["id_", "type", "app_", "environment", "test_", "organization", "occurred_at", "created_at"]
    fields += ["dispatched_at", "idempotency_key", "payload_", "delivery_table_", "deliveries_"]
    found_by = {
        Prefix.EVENT: "pk",
        Prefix.DELIVERY: "deliveries",
        Prefix.APP: "app",
        Prefix.ORGANIZATION: "organization",
    }
    texts = ["type"]
    search_help_text = "Any id of an event, delivery, attempt, app or organization, or a type in full"

    def condition_of(self, named: Named | None, term: str) -> Q:
        if named is not None and named.prefix == Prefix.ATTEMPT:
            return Q(pk__in=Delivery.objects.filter(attempts=named.key).values("event"))
        return super().condition_of(named, term)

    def scopes(self, named: Named | None) -> Sequence[Q]:
        return by_environment(named)

    def are_few(self, params: dict[str, Any]) -> bool:
        return "fan_out" in params

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("payload", "request_digest")  # large, and no list shows them

    @admin.display(description="id")
    def id_(self, event: Event) -> SafeString:
        return code(event.public_id)

    @admin.display(description="test send")
    def test_(self, event: Event) -> str:
        return yes_no(event.test)

    @admin.display(description="deliveries")
    def deliveries_(self, event: Event) -> SafeString:
        return list_link(Delivery, "Deliveries", q=event.public_id)

    @admin.display(description="payload")
    def payload_(self, event: Event) -> SafeString:
        return json_text(event.payload, "Payload")

    @admin.display(description="newest deliveries")
    def delivery_table_(self, event: Event) -> SafeString:
        rows = deliveries_to_show(event.deliveries.select_related("endpoint")).order_by("-id")[:DELIVERIES_SHOWN]
        return table(
            ["Delivery", "Endpoint", "Status", "Attempts"],
            (
                (
                    object_link(Delivery, row.pk, code(row.public_id)),
                    object_link(Endpoint, row.endpoint_id, row.endpoint),
                    badge(delivery_badge(row.status, attempts=row.attempt_count, held=is_held(row))),
                    row.attempt_count,
                )
                for row in rows
            ),
            "Newest deliveries of this event",
        )


class OriginFilter(LabelledFilter):
    title = "origin"
    parameter_name = "origin"
    labels = {"built_in": "Built in", "own": "Defined by a Builder"}

    def condition(self, value: str) -> Q:
        return Q(app__isnull=value == "built_in")


@admin.register(EventType)
class EventTypeAdmin(BigTableAdmin[EventType]):
    list_display = ["name", "app", "deprecated", "created_at", "events_"]
    list_filter = [OriginFilter, "deprecated"]
    list_select_related = ["app"]
    ordering = ["name", "id"]
    fields = ["name", "app", "description", "deprecated", "first_emitted_at", "schema_", "example_"]
    fields += ["created_at", "updated_at", "events_"]
    found_by = {Prefix.APP: "app"}
    texts = ["name__startswith"]
    search_help_text = "An app's id, or how a name begins"

    @admin.display(description="events")
    def events_(self, event_type: EventType) -> SafeString:
        return links([list_link(Event, "Events", q=event_type.name)])

    @admin.display(description="schema")
    def schema_(self, event_type: EventType) -> SafeString:
        return json_text(event_type.schema, "Schema")

    @admin.display(description="example")
    def example_(self, event_type: EventType) -> SafeString:
        return json_text(event_type.example, "Example")
