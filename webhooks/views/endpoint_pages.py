"""What the pages of one endpoint share: finding it, and what stands above each of them."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse

from deliveries.endpoint_facts import health_of, held_count_of, with_facts
from deliveries.views.figures import counted
from switera_webhooks.ids import Prefix
from webhooks.models import Endpoint
from webhooks.views.access import PageRequest
from webhooks.views.endpoint_words import HELD_AT_MOST, endpoint_verdict

# Label, route, and whether a viewer has it.
_SECTIONS = (
    ("Overview", "endpoint", True),
    ("Settings", "endpoint_settings", False),
    ("Secret", "endpoint_secret", True),
    ("Verify and test", "endpoint_setup", False),
)


def find_endpoint(page: PageRequest, ep_id: str) -> Any:
    """An Endpoint of `with_facts` that is not deleted. Raises as PageRequest.find does."""
    endpoint = page.find(
        with_facts(Endpoint.objects.filter(deleted_at=None), held_at_most=HELD_AT_MOST), Prefix.ENDPOINT, ep_id
    )
    endpoint.app = page.app
    return endpoint


def render_endpoint(
    page: PageRequest,
    endpoint: Any,
    template: str,
    context: Mapping[str, Any] | None = None,
    *,
    route: str = "",
    status: int = 200,
) -> HttpResponse:
    """A page of this endpoint: the template extends webhooks/endpoint_page.html. `route` is the section it is."""
    health = health_of(endpoint)
    above = {
        "endpoint": endpoint,
        "endpoint_health": health,
        "endpoint_verdict": endpoint_verdict(endpoint, health),
        "held_count": held_count_of(endpoint),
        "held": counted(held_count_of(endpoint), HELD_AT_MOST),
        "breaker": endpoint.lane.breaker,
        "sections": [
            (label, page.url(name, endpoint.public_id), name == route)
            for label, name, for_viewers in _SECTIONS
            if for_viewers or page.can_change
        ],
    }
    return page.render(template, {**above, **(context or {})}, status=status)
