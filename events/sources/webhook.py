"""`webhook.endpoint.*`: what happens to endpoints (deliveries/endpoints.py, webhooks/secrets.py).

What becomes of deliveries is told by the engine, with what it records (deliveries/engine/recording.py). Live and test
never mix: the environment is the endpoint's own, whoever changed it. An endpoint of an organization is told of as a
matter of that organization.
"""

from urllib.parse import urlsplit

from django.dispatch import receiver

from events.sources.emitting import emit_built_in
from switera_webhooks.times import iso
from webhooks.happenings import (
    EndpointCreated,
    EndpointDeleted,
    EndpointDisabled,
    EndpointUpdated,
    happened,
)
from webhooks.models import Endpoint


@receiver(happened, sender=EndpointCreated)
def _created(happening: EndpointCreated, **_: object) -> None:
    endpoint = happening.endpoint
    data = {**_named(endpoint), "event_types": endpoint.event_types, "environment": endpoint.environment}
    _emit(endpoint, "webhook.endpoint.created", data)


@receiver(happened, sender=EndpointUpdated)
def _updated(happening: EndpointUpdated, **_: object) -> None:
    endpoint = happening.endpoint
    data: dict[str, object] = {
        "endpoint_id": endpoint.public_id,
        "changed_fields": list(happening.changed_fields),
        "url_host": _host(endpoint),
    }
    _emit(endpoint, "webhook.endpoint.updated", data)


@receiver(happened, sender=EndpointDeleted)
def _deleted(happening: EndpointDeleted, **_: object) -> None:
    _emit(happening.endpoint, "webhook.endpoint.deleted", _named(happening.endpoint))


@receiver(happened, sender=EndpointDisabled)
def _disabled(happening: EndpointDisabled, **_: object) -> None:
    endpoint = happening.endpoint
    data = {
        **_named(endpoint),
        "reason": str(endpoint.disabled_reason),
        "failing_since": happening.failing_since and iso(happening.failing_since),
        "failed_deliveries": happening.failed_deliveries,
    }
    _emit(endpoint, "webhook.endpoint.disabled", data)


def _named(endpoint: Endpoint) -> dict[str, object]:
    return {"endpoint_id": endpoint.public_id, "name": endpoint.name, "url_host": _host(endpoint)}


def _host(endpoint: Endpoint) -> str:
    """The host alone: paths and queries of an endpoint's URL may hold what its receiver takes for a password."""
    return urlsplit(endpoint.url).hostname or ""


def _emit(endpoint: Endpoint, type: str, data: dict[str, object]) -> None:
    emit_built_in(endpoint.app, type, data, environment=endpoint.environment, organization_id=endpoint.organization_id)
