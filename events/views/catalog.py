"""The tab Event Catalog: the types that an endpoint of the app can subscribe to, and one of them."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from events.event_types import visible_event_types
from webhooks.views.access import PageRequest, Tab, app_page


@app_page(Tab.EVENT_CATALOG)
def event_catalog(page: PageRequest) -> HttpResponse:
    return page.render("events/event_catalog.html")


@app_page(Tab.EVENT_CATALOG)
def event_type(page: PageRequest, name: str) -> HttpResponse:
    found = get_object_or_404(visible_event_types(page.app), name=name)
    return page.render("events/event_type.html", {"event_type": found})
