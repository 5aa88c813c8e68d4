"""The tab Endpoints: the list, adding one, and what becomes of a URL while it is typed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse

from deliveries.endpoint_facts import health_of, held_count_of, in_attention, with_facts
from deliveries.endpoints import EndpointFields, create_endpoint
from deliveries.models.lane import BreakerState
from deliveries.statistics import EndpointTraffic, endpoint_traffic
from deliveries.views.figures import counted, percent
from switera_webhooks.ids import Prefix, from_public_id
from switera_webhooks.pages.errors import tell_when
from switera_webhooks.pages.forms import add_refusal
from switera_webhooks.refusals import InvalidInput, LimitReached
from webhooks.destinations.acceptance import check_endpoint_url
from webhooks.endpoint_names import endpoint_hosts
from webhooks.health import Health
from webhooks.models import Endpoint
from webhooks.views.access import PageRequest, Tab, app_page
from webhooks.views.endpoint_form import EndpointForm
from webhooks.views.shown_once import show_secret_once

# So many of what an endpoint subscribes to are named in its row.
_PATTERNS_SHOWN = 2
# So many held deliveries of each endpoint are counted: a page has 50.
_HELD_AT_MOST = 1_000


@dataclass(frozen=True)
class Row:
    """An endpoint in the list."""

    endpoint: Endpoint
    # With the path or the end of the id where another of the list looks the same; empty of most without a name.
    host: str
    health: Health
    # "1,000+" deliveries; empty for none.
    held: str
    traffic: EndpointTraffic
    # None while it is closed.
    breaker: BreakerState | None

    @property
    def success_rate(self) -> str:
        return percent(self.traffic.success_rate)

    @property
    def patterns(self) -> Sequence[str]:
        patterns: list[str] = self.endpoint.event_types
        return patterns[:_PATTERNS_SHOWN]

    @property
    def more_patterns(self) -> int:
        return max(0, len(self.endpoint.event_types) - _PATTERNS_SHOWN)


class EndpointFilterForm(forms.Form):
    """GET parameters of the list."""

    q = forms.CharField(
        label="Search",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "name, URL, id", "spellcheck": "false"}),
    )
    state = forms.ChoiceField(
        label="State", required=False, choices=[("", "any"), ("attention", "Attention"), ("disabled", "Disabled")]
    )

    def narrow(self, endpoints: QuerySet[Endpoint]) -> QuerySet[Endpoint]:
        """Those of `endpoints` that match; all of them where what was asked for is malformed."""
        if not self.is_valid():
            return endpoints
        text, state = self.cleaned_data["q"], self.cleaned_data["state"]
        if key := from_public_id(Prefix.ENDPOINT, text):
            endpoints = endpoints.filter(pk=key)
        elif text:
            endpoints = endpoints.filter(Q(name__icontains=text) | Q(url__icontains=text))
        if state == "attention":
            return in_attention(endpoints)
        return endpoints.filter(disabled_at__isnull=False) if state == "disabled" else endpoints


@app_page(Tab.ENDPOINTS)
def endpoints(page: PageRequest) -> HttpResponse:
    """Newest first. The rows' figures take three statements, whatever their number."""
    form = EndpointFilterForm(page.http.GET)
    mine = form.narrow(Endpoint.objects.in_scope(page.app, page.environment))
    listed = page.paginate(with_facts(mine, held_at_most=_HELD_AT_MOST))
    context = {"form": form, "filtered": form.has_changed(), "pages": listed, "rows": _rows(page, listed.items)}
    return page.render("webhooks/endpoints.html", context)


def _rows(page: PageRequest, endpoints: Sequence[Any]) -> list[Row]:
    if not endpoints:
        return []
    traffic = endpoint_traffic(page.app, page.environment, endpoints)
    hosts = endpoint_hosts(endpoints)
    return [
        Row(
            endpoint,
            hosts[endpoint.pk],
            health_of(endpoint),
            counted(held_count_of(endpoint), _HELD_AT_MOST) if held_count_of(endpoint) else "",
            traffic[endpoint.pk],
            None if endpoint.lane.breaker == BreakerState.CLOSED else endpoint.lane.breaker,
        )
        for endpoint in endpoints
        if endpoint.pk in traffic  # not deleted meanwhile
    ]


@app_page(Tab.ENDPOINTS, for_developers=True)
def endpoint_add(page: PageRequest) -> HttpResponse:
    """Once it is saved, on to the rest of the set-up, which shows the secret once."""
    if page.http.method != "POST":
        return _add_page(page, EndpointForm.for_organization(page, page.http.GET.get("organization", "")))
    if "add_header" in page.http.POST:
        return _add_page(page, EndpointForm.with_another_row(page, page.http.POST))
    form = EndpointForm(page, page.http.POST)
    if not form.is_valid():
        return _add_page(page, form, status=400)
    try:
        created = create_endpoint(page.app, page.environment, EndpointFields(**form.cleaned_data), page.actor)
    except (InvalidInput, LimitReached) as refusal:
        add_refusal(form, refusal)
        return tell_when(_add_page(page, form, status=refusal.status), refusal)
    show_secret_once(page, created.endpoint, created.secret)
    if created.warning:
        messages.warning(page.http, created.warning)
    return page.redirect("endpoint_setup", created.endpoint.public_id)


def _add_page(page: PageRequest, form: EndpointForm, status: int = 200) -> HttpResponse:
    return page.render("webhooks/endpoint_add.html", {"form": form}, status=status)


@app_page(Tab.ENDPOINTS, for_developers=True)
def endpoint_url_check(page: PageRequest) -> HttpResponse:
    """For htmx: what the guard says of a URL that is being typed. By POST, since a URL may hold a credential (S31)."""
    if page.http.method != "POST":
        return page.redirect("endpoint_add")
    return page.part("webhooks/url_verdict.html", {"verdict": _url_verdict(page.http.POST.get("url", ""))})


def _url_verdict(text: str) -> dict[str, str] | None:
    """None of nothing."""
    if not text:
        return None
    try:
        accepted = check_endpoint_url(text)
    except InvalidInput as refusal:
        return {"tone": "bad", "icon": "x", "word": "Not accepted", "sentence": refusal.message}
    if accepted.warning:
        return {"tone": "warn", "icon": "triangle-alert", "word": "Not found yet", "sentence": accepted.warning}
    url = urlsplit(accepted.url)
    port = url.port or (443 if url.scheme == "https" else 80)
    sentence = f"{url.scheme.upper()}, port {port}: messages may be sent there."
    if accepted.url != text:
        sentence += f" It is kept as {accepted.url}"
    return {"tone": "good", "icon": "check", "word": "Accepted", "sentence": sentence}
