"""Disabling, enabling and deleting an endpoint, each on a page that says what becomes of its deliveries."""

from typing import Literal

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse

from deliveries.endpoint_facts import held_count_of
from deliveries.endpoint_stats import endpoint_stats
from deliveries.endpoints import delete_endpoint, disable_endpoint, enable_endpoint
from switera_webhooks.pages.forms import ConfirmByName
from webhooks.models import DisabledReason
from webhooks.views.access import PageRequest, Tab, app_page
from webhooks.views.endpoint_pages import find_endpoint, render_endpoint


class EnableForm(forms.Form):
    """What becomes of the deliveries that were held."""

    held = forms.ChoiceField(
        label="The held deliveries",
        choices=[
            ("release", "Send them, oldest first, at the endpoint's rate limit"),
            ("cancel", "Cancel them: they are not sent, unless you retry one"),
        ],
        initial="release",
        widget=forms.RadioSelect,
    )


@app_page(Tab.ENDPOINTS, for_developers=True)
def endpoint_disable(page: PageRequest, ep_id: str) -> HttpResponse:
    endpoint = find_endpoint(page, ep_id)
    if endpoint.disabled_reason is not None:
        return page.redirect("endpoint", ep_id)
    if page.http.method == "POST":
        disable_endpoint(endpoint, DisabledReason.MANUAL, page.actor)
        messages.success(page.http, f"{endpoint} is disabled. Its deliveries are held from now on.")
        return page.redirect("endpoint", ep_id)
    return render_endpoint(page, endpoint, "webhooks/endpoint_disable.html")


@app_page(Tab.ENDPOINTS, for_developers=True)
def endpoint_enable(page: PageRequest, ep_id: str) -> HttpResponse:
    endpoint = find_endpoint(page, ep_id)
    if endpoint.disabled_reason is None:
        return page.redirect("endpoint", ep_id)
    form = EnableForm(page.http.POST if page.http.method == "POST" else None)
    if form.is_valid():
        held: Literal["release", "cancel"] = form.cleaned_data["held"]
        enable_endpoint(endpoint, page.actor, held)
        what = "What was held goes out now." if held == "release" else "What was held is canceled."
        messages.success(page.http, f"{endpoint} is enabled. {what if held_count_of(endpoint) else ''}".strip())
        return page.redirect("endpoint", ep_id)
    context = {"form": form}
    return render_endpoint(
        page, endpoint, "webhooks/endpoint_enable.html", context, status=400 if form.is_bound else 200
    )


@app_page(Tab.ENDPOINTS, for_developers=True)
def endpoint_delete(page: PageRequest, ep_id: str) -> HttpResponse:
    endpoint = find_endpoint(page, ep_id)
    form = ConfirmByName(str(endpoint), page.http.POST if page.http.method == "POST" else None)
    if form.is_valid():
        delete_endpoint(endpoint, page.actor)
        messages.success(page.http, f"{endpoint} is deleted. Its deliveries stay in the history.")
        return page.redirect("endpoints")
    pending = endpoint_stats(endpoint).pending
    context = {
        "form": form,
        "back_url": page.url("endpoint", ep_id),
        "pending": pending.first_attempt + pending.retry + pending.held,
        "retention_days": settings.WEBHOOKS_RETENTION_DAYS,
    }
    return render_endpoint(
        page, endpoint, "webhooks/endpoint_delete.html", context, status=400 if form.is_bound else 200
    )
