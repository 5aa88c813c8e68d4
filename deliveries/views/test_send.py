"""The tab Test Send: one event to one endpoint, watched."""

import datetime as dt

from django.conf import settings
from django.http import Http404, HttpResponse
from django.utils import timezone

from deliveries.failure_facts import causes_of
from deliveries.models import Attempt, AttemptStatus, Delivery, DeliveryStatus
from deliveries.test_send import send_test
from deliveries.views.attempts import exchange, timeline
from deliveries.views.test_send_form import TEST_TYPE, Choices, SendForm, filled, settled, with_data
from events.models import Event
from switera_webhooks.ids import Prefix
from switera_webhooks.pages.errors import tell_when
from switera_webhooks.pages.forms import add_refusal
from switera_webhooks.refusals import Refusal
from webhooks.endpoint_names import endpoint_names
from webhooks.models import Endpoint
from webhooks.views.access import PageRequest, Tab, app_page

_RECENT = 5
# An idle system sends within a second: after so long somebody should look at the workers.
_SLOW = dt.timedelta(seconds=10)
_UNDER_WAY = (DeliveryStatus.PENDING, DeliveryStatus.SENDING)


@app_page(Tab.TEST_SEND)
def test_send(page: PageRequest) -> HttpResponse:
    choices = Choices.of(page)
    if page.http.method == "POST":
        page.refuse_viewers()
        return _posted(page, choices)
    asked = page.http.GET.get("type", "")
    form = _prefilled(page, choices, asked) if page.can_change else None
    unknown = asked[:128] if asked and choices.type(asked) is None else ""
    return page.render("deliveries/test_send.html", {**_around(page, form), "unknown_type": unknown})


@app_page(Tab.TEST_SEND)
def test_send_result(page: PageRequest, dlv_id: str) -> HttpResponse:
    """The delivery of a test send; asked again by htmx it is a part, and nothing (204) while it is as it was."""
    rows = Delivery.objects.select_related("endpoint__app", "event").filter(test=True)
    delivery = page.find(rows, Prefix.DELIVERY, dlv_id)
    state = _state(delivery)
    by_htmx = page.http.headers.get("HX-Request") == "true"
    if by_htmx and page.http.GET.get("seen") == state:
        return HttpResponse(status=204)
    attempts = list(Attempt.objects.filter(delivery=delivery).order_by("number"))
    causes = causes_of(delivery, attempts)
    last = attempts[-1] if attempts else None
    context = {
        "delivery": delivery,
        "state": state,
        "live": delivery.status in _UNDER_WAY,
        "slow": state.endswith("slow"),
        "timeline": timeline(attempts, causes),
        "last": last,
        "cause": causes.get(last.number) if last and last.status == AttemptStatus.FAILED else None,
        "exchange": exchange(delivery, last) if last else None,
    }
    if by_htmx:
        return page.part("deliveries/test_send_watch.html", {**context, "announced": True})
    form = None
    if page.can_change and delivery.endpoint.deleted_at is None:
        form = SendForm(Choices.of(page), with_data(delivery.endpoint, delivery.event_type, delivery.event.data))
    return page.render("deliveries/test_send_result.html", {**_around(page, form, delivery), **context})


def _posted(page: PageRequest, choices: Choices) -> HttpResponse:
    """Send; or, while a person still chooses and edits: the example, the fields again, or what is wrong with them."""
    do = page.http.POST.get("do", "send")
    form = SendForm(choices, settled(page, choices, page.http.POST, to_example=do == "fill"))
    by_htmx = page.http.headers.get("HX-Request") == "true"
    if do == "check":
        return page.part("deliveries/test_send_check.html", {"form": form})
    if do in ("fill", "choose") and by_htmx:
        return page.part("deliveries/test_send_fields.html", _around_fields(form))
    if do == "fill":
        return page.render("deliveries/test_send.html", _around(page, form))
    if form.is_valid():
        assert form.chosen_endpoint is not None  # noqa: S101 (the form is valid)
        try:
            delivery = send_test(form.chosen_endpoint, form.cleaned_data["type"], page.actor, form.cleaned_data["data"])
        except Refusal as refusal:
            add_refusal(form, refusal)
            refused = page.render("deliveries/test_send.html", _around(page, form), status=refusal.status)
            return tell_when(refused, refusal)
        return page.redirect("test_send_result", delivery.public_id)
    return page.render("deliveries/test_send.html", _around(page, form), status=422)


def _prefilled(page: PageRequest, choices: Choices, asked_type: str) -> SendForm | None:
    """The form with what the address asks for, else an enabled endpoint and the type made for it; None without any."""
    endpoint: Endpoint | None = None
    if asked := page.http.GET.get("endpoint"):
        endpoint = page.find(Endpoint.objects.filter(deleted_at=None).select_related("app"), Prefix.ENDPOINT, asked)
    endpoint = endpoint or next((each for each in choices.endpoints if each.enabled), None)
    endpoint = endpoint or next(iter(choices.endpoints), None)
    event_type = choices.type(asked_type) or choices.type(TEST_TYPE) or next(iter(choices.types), None)
    if endpoint is None:
        return None
    if event_type is None:
        raise Http404
    return SendForm(choices, filled(page, endpoint, event_type))


def _around(page: PageRequest, form: SendForm | None, shown: Delivery | None = None) -> dict[str, object]:
    """What the pages of this tab have in common; the last test sends are those beside the one that is shown."""
    recent = Event.objects.filter(app=page.app, environment=page.environment, test=True).order_by("-created_at")
    if shown is not None:
        recent = recent.exclude(pk=shown.event_id)
    keys = list(recent.values_list("pk", flat=True)[:_RECENT])
    sent = list(Delivery.objects.select_related("endpoint").filter(event__in=keys).order_by("-id"))
    return {
        **(_around_fields(form) if form else {}),
        "form": form,
        "limit": settings.WEBHOOKS_TEST_SENDS_PER_MINUTE,
        "recent": sent,
        "endpoint_names": endpoint_names({delivery.endpoint_id: delivery.endpoint for delivery in sent}.values()),
    }


def _around_fields(form: SendForm) -> dict[str, object]:
    endpoint, event_type = form.chosen_endpoint, form.chosen_type
    return {"form": form, "endpoint": endpoint, "event_type": event_type}


def _state(delivery: Delivery) -> str:
    """What the page shows of it, in a word: it changes when the page has to."""
    waits = delivery.status == DeliveryStatus.PENDING and not delivery.attempt_count
    slow = waits and timezone.now() - delivery.created_at > _SLOW
    return f"{delivery.status}-{delivery.attempt_count}{'-slow' if slow else ''}"
