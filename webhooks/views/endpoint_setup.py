"""The guided end of an endpoint's set-up: store the secret, verify with it, send a test event, watch it arrive."""

import datetime as dt
from typing import Any

from django.http import HttpResponse, HttpResponseRedirect
from django.utils import timezone

from deliveries.failure_facts import causes_of
from deliveries.models import Delivery, DeliveryStatus
from deliveries.test_send import send_test
from switera_webhooks.ids import Prefix
from webhooks.models import Endpoint
from webhooks.secrets import MASKED_SECRET
from webhooks.snippets import verification_snippets
from webhooks.views.access import PageRequest, Tab, app_page
from webhooks.views.endpoint_pages import find_endpoint, render_endpoint
from webhooks.views.shown_once import take_secret

TEST_EVENT = "webhook.test"
# A worker takes a test send within a second: after so long there may be none.
_WORKER_IS_LATE = dt.timedelta(seconds=10)


@app_page(Tab.ENDPOINTS, for_developers=True)
def endpoint_setup(page: PageRequest, ep_id: str) -> HttpResponse:
    """POST sends the test event; `?delivery=` shows how it does where no script asks again."""
    endpoint = find_endpoint(page, ep_id)
    if page.http.method == "POST":
        sent = send_test(endpoint, TEST_EVENT, page.actor)
        if getattr(page.http, "htmx", False):
            return page.part("webhooks/arrival.html", _arrival(page, endpoint, sent.public_id))
        return HttpResponseRedirect(f"{page.url('endpoint_setup', ep_id)}?delivery={sent.public_id}#arrival")
    delivery_id = page.http.GET.get("delivery")
    context = {
        "secret": take_secret(page, endpoint),
        "masked": MASKED_SECRET,
        "snippets": verification_snippets(endpoint),
        "test_event": TEST_EVENT,
        "in_setup": True,
        **(_arrival(page, endpoint, delivery_id) if delivery_id else {}),
    }
    return render_endpoint(page, endpoint, "webhooks/endpoint_setup.html", context, route="endpoint_setup")


@app_page(Tab.ENDPOINTS, for_developers=True)
def endpoint_arrival(page: PageRequest, ep_id: str, dlv_id: str) -> HttpResponse:
    """For htmx, every 2 s: 204 while nothing is new since `?seen=`, so that nothing is read out again."""
    context = _arrival(page, find_endpoint(page, ep_id), dlv_id)
    if context["seen"] == page.http.GET.get("seen"):
        return HttpResponse(status=204)
    return page.part("webhooks/arrival.html", context)


def _arrival(page: PageRequest, endpoint: Endpoint, dlv_id: str) -> dict[str, Any]:
    """How the test event does. Raises Http404 (a delivery that is not this endpoint's)."""
    deliveries = Delivery.objects.select_related("endpoint", "event").filter(endpoint=endpoint)
    delivery = page.find(deliveries, Prefix.DELIVERY, dlv_id)
    attempts = list(delivery.attempts.order_by("number"))
    last = attempts[-1] if attempts else None
    waits = delivery.status in (DeliveryStatus.PENDING, DeliveryStatus.SENDING)
    late = waits and not attempts and timezone.now() - delivery.created_at > _WORKER_IS_LATE
    return {
        "endpoint": endpoint,
        "delivery": delivery,
        "attempt": last,
        "cause": causes_of(delivery, attempts).get(last.number) if last else None,
        "waits": waits,
        "late": late,
        "seen": f"{delivery.status}-{len(attempts)}{'-late' if late else ''}",
    }
