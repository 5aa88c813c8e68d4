"""An endpoint's secret: masked, revealed (audited), rotated with an overlap."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse

from switera_webhooks.pages.forms import add_refusal
from switera_webhooks.refusals import InvalidInput
from webhooks.secrets import DEFAULT_OVERLAP, MASKED_SECRET, MAX_OVERLAP, reveal_secret, rotate_secret, secrets_in_force
from webhooks.views.access import PageRequest, Tab, app_page
from webhooks.views.endpoint_pages import find_endpoint, render_endpoint
from webhooks.views.shown_once import show_secret_once, take_secret

_OVERLAPS = [
    (0, "At once"),
    (3_600, "After 1 hour"),
    (DEFAULT_OVERLAP, "After 24 hours"),
    (MAX_OVERLAP, "After 7 days"),
]


class RotateForm(forms.Form):
    """How long the secret before signs beside the new one."""

    overlap = forms.TypedChoiceField(
        label="The old secret stops signing",
        coerce=int,
        choices=_OVERLAPS,
        initial=DEFAULT_OVERLAP,
        widget=forms.RadioSelect,
    )


@app_page(Tab.ENDPOINTS)
def endpoint_secret(page: PageRequest, ep_id: str) -> HttpResponse:
    """Viewers see since when the secrets sign, and nothing of them."""
    return _secret_page(page, ep_id, RotateForm())


@app_page(Tab.ENDPOINTS, for_developers=True)
def endpoint_secret_reveal(page: PageRequest, ep_id: str) -> HttpResponse:
    endpoint = find_endpoint(page, ep_id)
    if page.http.method == "POST":
        show_secret_once(page, endpoint, reveal_secret(endpoint, page.actor))
    return page.redirect("endpoint_secret", ep_id)


@app_page(Tab.ENDPOINTS, for_developers=True)
def endpoint_secret_rotate(page: PageRequest, ep_id: str) -> HttpResponse:
    endpoint = find_endpoint(page, ep_id)
    if page.http.method != "POST":
        return page.redirect("endpoint_secret", ep_id)
    form = RotateForm(page.http.POST)
    if not form.is_valid():
        return _secret_page(page, ep_id, form, status=400)
    try:
        rotated = rotate_secret(endpoint, form.cleaned_data["overlap"], page.actor)
    except InvalidInput as refusal:
        add_refusal(form, refusal)
        return _secret_page(page, ep_id, form, status=400)
    show_secret_once(page, endpoint, rotated.text)
    messages.success(page.http, "There is a new secret. Put it into the receiver before the old one ends.")
    return page.redirect("endpoint_secret", ep_id)


def _secret_page(page: PageRequest, ep_id: str, form: RotateForm, status: int = 200) -> HttpResponse:
    endpoint = find_endpoint(page, ep_id)
    context = {
        "secret": take_secret(page, endpoint),
        "masked": MASKED_SECRET,
        "in_force": secrets_in_force(endpoint),
        "form": form,
    }
    return render_endpoint(
        page, endpoint, "webhooks/endpoint_secret.html", context, route="endpoint_secret", status=status
    )
