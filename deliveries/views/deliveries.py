"""The tab Deliveries: the list, and one of them."""

from django.http import HttpResponse

from deliveries.models import Delivery
from switera_webhooks.ids import Prefix
from webhooks.views.access import PageRequest, Tab, app_page


@app_page(Tab.DELIVERIES)
def deliveries(page: PageRequest) -> HttpResponse:
    return page.render("deliveries/deliveries.html")


@app_page(Tab.DELIVERIES)
def delivery(page: PageRequest, dlv_id: str) -> HttpResponse:
    delivery = page.find(Delivery.objects.select_related("endpoint"), Prefix.DELIVERY, dlv_id)
    return page.render("deliveries/delivery.html", {"delivery": delivery})
