"""The tab Overview: how the service does, and why."""

from django.http import HttpResponse

from webhooks.views.access import PageRequest, Tab, app_page


@app_page(Tab.OVERVIEW)
def overview(page: PageRequest) -> HttpResponse:
    return page.render("deliveries/overview.html")
