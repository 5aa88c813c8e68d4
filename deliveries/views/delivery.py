"""The page of one delivery, and what a person may do with it."""

import hashlib
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse

from deliveries.delivery_actions import cancel_delivery, retry_delivery
from deliveries.delivery_rows import deliveries_to_show, is_held, next_attempt_at
from deliveries.failure_facts import causes_of
from deliveries.models import Attempt, Delivery, DeliveryStatus
from deliveries.signed_curl import signed_curl_command
from deliveries.views.attempts import exchange, planned_wait, timeline
from events.models import Event
from switera_webhooks.ids import Prefix
from switera_webhooks.refusals import Conflict
from webhooks.audit import Actor
from webhooks.endpoint_names import endpoint_names
from webhooks.views.access import PageRequest, Tab, app_page

_UNDER_WAY = (DeliveryStatus.PENDING, DeliveryStatus.SENDING)
_OTHERS_AT_MOST = 10
_HELD = "It is held with the endpoint's others: it goes out when the endpoint is enabled."


@app_page(Tab.DELIVERIES)
def delivery(page: PageRequest, dlv_id: str) -> HttpResponse:
    found = _find(page, dlv_id)
    digest = _digest(found)
    by_htmx = bool(page.http.headers.get("HX-Request"))
    if by_htmx and page.http.headers.get("X-Digest") == digest:
        return HttpResponse(status=204)
    context = _context(page, found)
    if by_htmx:
        return page.part("deliveries/delivery_parts.html", context)
    return page.render("deliveries/delivery.html", context)


@app_page(Tab.DELIVERIES)
def retry(page: PageRequest, dlv_id: str) -> HttpResponse:
    """POST: one attempt now and, if it fails, the schedule from its start."""
    return _change(page, dlv_id, retry_delivery, "One attempt is made now. If it fails, the schedule starts again.")


@app_page(Tab.DELIVERIES)
def cancel(page: PageRequest, dlv_id: str) -> HttpResponse:
    """POST: no further attempt."""
    return _change(page, dlv_id, cancel_delivery, "Canceled: nothing more is sent, unless you retry it.")


@app_page(Tab.DELIVERIES)
def curl(page: PageRequest, dlv_id: str) -> HttpResponse:
    """POST, because the audit log tells of each command that was given out (S29)."""
    found = _find_to_change(page, dlv_id)
    signed: dict[str, str]
    try:
        signed = {"command": signed_curl_command(found, page.actor)}
        status = 200
    except Conflict as conflict:
        signed = {"refusal": conflict.message}
        status = conflict.status
    if page.http.headers.get("HX-Request"):
        return page.part("deliveries/signed_curl.html", signed, status=status)
    return page.render("deliveries/delivery.html", {**_context(page, _find(page, dlv_id)), **signed}, status=status)


def _find(page: PageRequest, dlv_id: str) -> Any:
    return page.find(deliveries_to_show(Delivery.objects.select_related("endpoint__lane")), Prefix.DELIVERY, dlv_id)


def _find_to_change(page: PageRequest, dlv_id: str) -> Any:
    """Raises Forbidden for a viewer, after the 404 of what is not there (S33, S37); a GET is no change."""
    found = _find(page, dlv_id)
    page.refuse_viewers()
    if page.http.method != "POST":
        raise Http404
    return found


def _change(page: PageRequest, dlv_id: str, action: Callable[[Delivery, Actor], object], done: str) -> HttpResponse:
    """Do it, and say on the delivery's page what has become of it, or why nothing did."""
    try:
        action(_find_to_change(page, dlv_id), page.actor)
    except Conflict as conflict:
        messages.error(page.http, conflict.message)
    else:
        messages.success(page.http, _HELD if is_held(_find(page, dlv_id)) else done)
    return page.redirect("delivery", dlv_id)


def _digest(delivery: Any) -> str:
    """Of all that the page shows and that may change by itself."""
    shown = (delivery.status, delivery.attempt_count, is_held(delivery), next_attempt_at(delivery))
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]


def _context(page: PageRequest, found: Any) -> dict[str, Any]:
    found.event = Event.objects.select_related("organization").get(pk=found.event_id)
    attempts = list(Attempt.objects.filter(delivery=found).order_by("number"))
    causes = causes_of(found, attempts)
    last = attempts[-1] if attempts else None
    chosen = _chosen(page, attempts)
    others = list(
        deliveries_to_show(Delivery.objects.filter(event=found.event_id, app=page.app, environment=page.environment))
        .exclude(pk=found.pk)
        .select_related("endpoint")
        .order_by("-id")[: _OTHERS_AT_MOST + 1]
    )
    return {
        "delivery": found,
        "endpoint": found.endpoint,
        "event": found.event,
        "held": is_held(found),
        "next_attempt_at": next_attempt_at(found),
        "next_number": found.attempt_count + 1,
        "planned_wait": planned_wait(found),
        "jitter": round(settings.WEBHOOKS_RETRY_JITTER * 100),
        "most_attempts": len(settings.WEBHOOKS_RETRY_SCHEDULE) + 1,
        # Numbers go on after a retry by hand, and the schedule begins anew: then "3 of 10" would be wrong.
        "of_schedule": found.status in (*_UNDER_WAY, DeliveryStatus.FAILED)
        and found.attempt_count - found.schedule_position == (found.status == DeliveryStatus.FAILED),
        "postponed": found.due_at is not None and next_attempt_at(found) not in (None, found.due_at),
        "timeline": timeline(attempts, causes),
        "last": last,
        "cause": causes.get(last.number) if last and found.status != DeliveryStatus.SUCCEEDED else None,
        "chosen": chosen,
        "chosen_cause": causes.get(chosen.number) if chosen and chosen is not last else None,
        "exchange": exchange(found, chosen) if chosen else None,
        "others": [(other, is_held(other)) for other in others],
        "endpoint_names": endpoint_names({other.endpoint_id: other.endpoint for other in others}.values()),
        "others_at_most": _OTHERS_AT_MOST,
        "can_retry": found.status != DeliveryStatus.SENDING and found.endpoint.deleted_at is None,
        "can_cancel": found.status == DeliveryStatus.PENDING,
        "live": found.status in _UNDER_WAY,
        "page_path": _path(page, found),
        "digest": _digest(found),
    }


def _path(page: PageRequest, found: Any) -> str:
    """Of the page itself, also where it answers a POST to one of its actions."""
    asked = page.http.GET.urlencode()
    path = page.url("delivery", found.public_id)
    return f"{path}?{asked}" if asked else path


def _chosen(page: PageRequest, attempts: list[Attempt]) -> Attempt | None:
    """The attempt of `?attempt=`, by number or id; else the last."""
    asked = page.http.GET.get("attempt", "")
    for attempt in attempts:
        if asked in (str(attempt.number), attempt.public_id):
            return attempt
    return attempts[-1] if attempts else None
