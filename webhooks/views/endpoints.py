"""The tab Endpoints: list, adding one, one of them."""

from django.http import HttpResponse

from switera_webhooks.ids import Prefix
from webhooks.models import Endpoint
from webhooks.views.access import PageRequest, Tab, app_page


@app_page(Tab.ENDPOINTS)
def endpoints(page: PageRequest) -> HttpResponse:
    return page.render("webhooks/endpoints.html")


@app_page(Tab.ENDPOINTS, for_developers=True)
def endpoint_add(page: PageRequest) -> HttpResponse:
    return page.render("webhooks/endpoint_add.html")


@app_page(Tab.ENDPOINTS)
def endpoint(page: PageRequest, ep_id: str) -> HttpResponse:
    endpoint = page.find(Endpoint.objects.filter(deleted_at=None), Prefix.ENDPOINT, ep_id)
    return page.render("webhooks/endpoint.html", {"endpoint": endpoint})
