"""The tab Deliveries: the list with its filters, and its live tail."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse

from deliveries.delivery_filter import DeliveryFilter
from deliveries.delivery_rows import deliveries_to_show, is_held, next_attempt_at, with_last_duration
from deliveries.delivery_search import SearchedPage, search_deliveries
from deliveries.models import Delivery, DeliveryStatus
from deliveries.views.delivery_filters import DeliveryFilterForm
from deliveries.views.figures import error_summary
from switera_webhooks.keyset import UnknownCursor
from webhooks.models import Endpoint
from webhooks.views.access import ROWS_OF_A_PAGE, PageRequest, Tab, app_page

# What the browser has: the newest row, and a digest of all. The tail sends both along.
_NEWEST, _DIGEST = "X-Newest", "X-Digest"


@dataclass(frozen=True)
class Row:
    """A delivery of the list; `arrived` since the browser asked last."""

    delivery: Any
    held: bool
    next_attempt_at: Any
    arrived: bool

    @property
    def error_summary(self) -> str:
        return error_summary(self.delivery.response_status, self.delivery.error_code)


@app_page(Tab.DELIVERIES)
def deliveries(page: PageRequest) -> HttpResponse:
    form = DeliveryFilterForm(page, page.http.GET)
    by_htmx = bool(page.http.headers.get("HX-Request"))
    if not form.is_valid():
        return page.render("deliveries/deliveries.html", {"form": form, "failed": True}, status=400)
    filters = form.filters()
    found = _find(page, filters, form)
    newest = page.http.headers.get(_NEWEST, "")
    rows = [
        Row(each, is_held(each), next_attempt_at(each), arrived=bool(newest) and each.public_id > newest)
        for each in found.items
    ]
    digest = _digest(rows, found)
    if by_htmx and page.http.headers.get(_DIGEST) == digest:
        return HttpResponse(status=204)
    arrived = sum(row.arrived for row in rows)
    context = {
        "form": form,
        "found": found,
        "rows": rows,
        "filtered": bool(page.http.GET.keys() & form.fields.keys()),
        "live": not page.http.GET.get("cursor"),
        "newest": rows[0].delivery.public_id if rows else newest or "dlv_",
        "digest": digest,
        "replay_kind": _replay_kind(filters, form),
        "no_endpoint": not rows and not Endpoint.objects.in_scope(page.app, page.environment).exists(),
    }
    if not by_htmx:
        return page.render("deliveries/deliveries.html", context)
    response = page.part("deliveries/delivery_list.html", context)
    response.headers["X-Arrived"] = str(arrived) if arrived < ROWS_OF_A_PAGE else f"{arrived} or more"
    return response


def _find(page: PageRequest, filters: DeliveryFilter, form: DeliveryFilterForm) -> SearchedPage:
    of_app = Delivery.objects.filter(app=page.app, environment=page.environment)
    rows: QuerySet[Any] = with_last_duration(deliveries_to_show(form.narrow(filters.apply(of_app))))
    rows = rows.select_related("endpoint").defer("endpoint__headers", "endpoint__metadata")
    cursor = page.http.GET.get("cursor") or None
    searched = DeliveryFilter() if form.of_one else filters
    try:
        return search_deliveries(page.app.pk, page.environment, searched, rows, cursor=cursor, limit=ROWS_OF_A_PAGE)
    except UnknownCursor:
        return search_deliveries(page.app.pk, page.environment, searched, rows, cursor=None, limit=ROWS_OF_A_PAGE)


def _digest(rows: Sequence[Row], found: SearchedPage) -> str:
    """Of all that the rows show and that may change."""
    shown = [
        (row.delivery.pk, row.delivery.status, row.delivery.attempt_count, row.held, row.next_attempt_at)
        for row in rows
    ]
    return hashlib.sha256(repr((shown, found.next)).encode()).hexdigest()[:16]


def _replay_kind(filters: DeliveryFilter, form: DeliveryFilterForm) -> str:
    """In which state deliveries are that a button tries all again; empty without such a button."""
    if form.of_one:
        return ""
    if filters.status is None:
        return str(DeliveryStatus.FAILED)
    return filters.status if filters.status in (DeliveryStatus.FAILED, DeliveryStatus.CANCELED) else ""
