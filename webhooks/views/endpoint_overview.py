"""One endpoint: how it does, and its last deliveries."""

from django.http import HttpResponse

from deliveries.endpoint_stats import endpoint_stats
from deliveries.models import Delivery
from deliveries.statistics import endpoint_traffic
from webhooks.views.access import PageRequest, Tab, app_page
from webhooks.views.endpoint_pages import find_endpoint, render_endpoint
from webhooks.views.endpoint_words import percent

_DELIVERIES_SHOWN = 10


@app_page(Tab.ENDPOINTS)
def endpoint(page: PageRequest, ep_id: str) -> HttpResponse:
    endpoint = find_endpoint(page, ep_id)
    stats = endpoint_stats(endpoint)
    traffic = endpoint_traffic(page.app, page.environment, [endpoint])
    context = {
        "stats": stats,
        "lane": endpoint.lane,
        "day": percent(stats.last_24_hours.success_rate),
        "week": percent(stats.last_7_days.success_rate),
        "traffic": traffic.get(endpoint.pk),
        "deliveries": Delivery.objects.filter(endpoint=endpoint).order_by("-id")[:_DELIVERIES_SHOWN],
    }
    return render_endpoint(page, endpoint, "webhooks/endpoint.html", context, route="endpoint")
