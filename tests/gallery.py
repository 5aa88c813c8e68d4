"""A page with every component and behaviour (docs/pages.md), and one that fails: routes for tests and for looking."""

import datetime as dt

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path
from django.utils import timezone

from events.models import Event
from switera_webhooks.environments import Environment
from switera_webhooks.pages.forms import ConfirmByName
from switera_webhooks.refusals import Conflict, LimitReached
from switera_webhooks.urls import handler400, handler403, handler404, handler500
from switera_webhooks.urls import urlpatterns as product_urls
from webhooks.views.access import PageRequest, Tab, app_page

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


class Filters(forms.Form):
    status = forms.ChoiceField(choices=[("", "any"), ("failed", "Failed"), ("succeeded", "Succeeded")], required=False)
    search = forms.CharField(required=False)


class Fields(forms.Form):
    url = forms.URLField(label="Receiver URL", help_text="HTTPS, on port 443.", assume_scheme="https")
    name = forms.CharField(required=False)
    kind = forms.ChoiceField(choices=[("a", "All events"), ("b", "Some events")], widget=forms.RadioSelect)
    note = forms.CharField(widget=forms.Textarea, required=False)


@app_page(Tab.OVERVIEW)
def gallery(page: PageRequest) -> HttpResponse:
    """Everything at once; `?refuse=conflict` and `?refuse=limit` are refused."""
    refuse = page.http.GET.get("refuse")
    if refuse == "conflict":
        raise Conflict("This delivery is being sent: wait until it ends.")
    if refuse == "limit":
        raise LimitReached("60 test sends a minute are allowed: wait a moment.", retry_after=60)
    if page.http.method == "POST":
        messages.success(page.http, "It is done.")
        return page.redirect("overview")
    if page.http.GET.get("part"):
        return page.part("gallery_part.html", {"now": timezone.now()})
    messages.error(page.http, "The endpoint was not saved. Correct the URL.")
    now = timezone.now()
    context = {
        "now": now,
        "soon": now + dt.timedelta(minutes=3, seconds=58, milliseconds=900),
        "past": dt.datetime(2026, 1, 31, 23, 30, 5, 123456, tzinfo=dt.UTC),
        "rows": page.paginate(Event.objects.filter(app=page.app, environment=page.environment), limit=3),
        "filters": Filters(page.http.GET or None),
        "fields": Fields({"url": "no url", "kind": "a"}),
        "confirm": ConfirmByName("<Billing>", {"confirm": "Biling"}),
        "payload": '{"id":"evt_1","data":{"total":129.00,"paid":true,"tags":[],"note":"</code><script>"}}',
    }
    return page.render("gallery.html", context)


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a defect")


urlpatterns: list[URLPattern | URLResolver] = [
    path("apps/<slug:slug>/webhooks/gallery/", gallery, {"environment": Environment.LIVE}),
    path("broken/", broken),
    *product_urls,
]
