"""One endpoint: how it does, what went wrong, and its last deliveries."""

from collections.abc import Sequence

from django.http import HttpResponse

from deliveries.endpoint_stats import ROWS_AT_MOST, endpoint_stats
from deliveries.failure_facts import causes_of
from deliveries.models import Delivery, DeliveryStatus
from deliveries.statistics import endpoint_traffic
from deliveries.views.figures import milliseconds, percent
from webhooks.views.access import PageRequest, Tab, app_page
from webhooks.views.endpoint_pages import find_endpoint, render_endpoint

_DELIVERIES_SHOWN = 10


@app_page(Tab.ENDPOINTS)
def endpoint(page: PageRequest, ep_id: str) -> HttpResponse:
    endpoint = find_endpoint(page, ep_id)
    stats = endpoint_stats(endpoint)
    deliveries = list(Delivery.objects.filter(endpoint=endpoint).order_by("-id")[:_DELIVERIES_SHOWN])
    traffic = endpoint_traffic(page.app, page.environment, [endpoint]).get(endpoint.pk)
    context = {
        "stats": stats,
        "lane": endpoint.lane,
        "day": percent(stats.last_24_hours.success_rate),
        "week": percent(stats.last_7_days.success_rate),
        "p50": milliseconds(stats.response_times.p50_ms),
        "p95": milliseconds(stats.response_times.p95_ms),
        # Of a busier one only so many of its newest deliveries are looked at.
        "capped": stats.last_24_hours.created >= ROWS_AT_MOST,
        "traffic": traffic,
        "attempts": traffic.succeeded + traffic.failed if traffic else 0,
        "success": percent(traffic.success_rate if traffic else None),
        "deliveries": deliveries,
        **_last_failure(deliveries),
    }
    return render_endpoint(page, endpoint, "webhooks/endpoint.html", context, route="endpoint")


def _last_failure(deliveries: Sequence[Delivery]) -> dict[str, object]:
    """The newest of these that has failed so far, and its likely cause; nothing where all went well."""
    ended_badly = (DeliveryStatus.PENDING, DeliveryStatus.FAILED)
    failing = next((each for each in deliveries if each.error_code and each.status in ended_badly), None)
    if failing is None:
        return {}
    attempts = list(failing.attempts.order_by("number"))
    return {"failing": failing, "cause": causes_of(failing, attempts).get(attempts[-1].number) if attempts else None}
