"""An endpoint's settings: the form that added it."""

from django.contrib import messages
from django.http import HttpResponse

from deliveries.endpoints import update_endpoint
from switera_webhooks.pages.forms import add_refusal
from switera_webhooks.refusals import InvalidInput
from webhooks.views.access import PageRequest, Tab, app_page
from webhooks.views.endpoint_form import EndpointForm
from webhooks.views.endpoint_pages import find_endpoint, render_endpoint


@app_page(Tab.ENDPOINTS, for_developers=True)
def endpoint_settings(page: PageRequest, ep_id: str) -> HttpResponse:
    endpoint = find_endpoint(page, ep_id)
    form, status = EndpointForm.of(page, endpoint), 200
    if page.http.method == "POST" and "add_header" in page.http.POST:
        form = EndpointForm.with_another_row(page, page.http.POST)
    elif page.http.method == "POST":
        form, status = EndpointForm.of(page, endpoint, page.http.POST), 400
        if form.is_valid():
            try:
                updated = update_endpoint(endpoint, form.cleaned_data, page.actor)
            except InvalidInput as refusal:
                add_refusal(form, refusal)
            else:
                messages.success(page.http, "Saved. The next message goes out with these settings.")
                if updated.warning:
                    messages.warning(page.http, updated.warning)
                return page.redirect("endpoint_settings", ep_id)
    return render_endpoint(
        page, endpoint, "webhooks/endpoint_settings.html", {"form": form}, route="endpoint_settings", status=status
    )
