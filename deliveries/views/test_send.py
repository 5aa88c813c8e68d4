"""The tab Test Send: one event to one endpoint, watched."""

from django.http import HttpResponse

from webhooks.views.access import PageRequest, Tab, app_page


@app_page(Tab.TEST_SEND)
def test_send(page: PageRequest) -> HttpResponse:
    return page.render("deliveries/test_send.html")
