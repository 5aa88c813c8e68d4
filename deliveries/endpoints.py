"""An endpoint's life: created, changed, disabled, enabled, deleted. Each touches its lane, so all live here."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from deliveries.endpoint_fields import MASK, check_fields, encrypted_headers, stored_values
from deliveries.locking import lock_endpoint
from deliveries.models import Delivery, DeliveryStatus, Lane
from switera_webhooks.database import database_now
from switera_webhooks.nudge import nudge
from switera_webhooks.refusals import InvalidInput, LimitReached
from webhooks import audit
from webhooks.audit import REDACTED, Actor
from webhooks.destinations.acceptance import check_endpoint_url
from webhooks.happenings import EndpointCreated, EndpointDeleted, EndpointDisabled, EndpointUpdated, tell
from webhooks.models import App, DisabledReason, Endpoint, Organization
from webhooks.secrets import create_secret, erase_secrets

__all__ = [
    "MASK",
    "CreatedEndpoint",
    "EndpointFields",
    "UpdatedEndpoint",
    "create_endpoint",
    "delete_endpoint",
    "disable_endpoint",
    "enable_endpoint",
    "update_endpoint",
]

# Of a changed field, where the REST API has another name for it.
_API_NAMES = {"organization": "organization_id"}
# What is counted under the lane's lock is counted so far.
_FAILED_AT_MOST = 10_000


@dataclass(frozen=True)
class EndpointFields:
    """What a Builder says about an endpoint; `headers` in plain text, `rate_limit` in deliveries a second."""

    url: str
    event_types: list[str]
    name: str = ""
    description: str = ""
    organization: Organization | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    rate_limit: int | None = None
    enabled: bool = True


@dataclass(frozen=True)
class CreatedEndpoint:
    """A new endpoint; the secret's text is for showing once, the warning for showing beside it."""

    endpoint: Endpoint
    secret: str
    warning: str | None


@dataclass(frozen=True)
class UpdatedEndpoint:
    endpoint: Endpoint
    warning: str | None


def create_endpoint(app: App, environment: str, given: EndpointFields, actor: Actor) -> CreatedEndpoint:
    """Add an endpoint with its first secret.

    Raises InvalidInput (a field), LimitReached (WEBHOOKS_MAX_ENDPOINTS). The URL is judged by the address guard, its
    name looked up within 2 s, before the transaction.
    """
    values = {f.name: getattr(given, f.name) for f in fields(given)}
    check_fields(app, values)
    accepted = check_endpoint_url(given.url)
    with transaction.atomic():
        _refuse_over_limit(app)
        endpoint = Endpoint(app=app, environment=environment, url=accepted.url, created_at=database_now())
        for name, value in stored_values(values).items():
            setattr(endpoint, name, value)
        endpoint.headers = encrypted_headers(given.headers, {})
        if not given.enabled:
            endpoint.disabled_at, endpoint.disabled_reason = timezone.now(), DisabledReason.MANUAL
        endpoint.save(force_insert=True)
        Lane.objects.create(
            endpoint=endpoint, app=app, held=not given.enabled, rate=given.rate_limit and float(given.rate_limit)
        )
        secret = create_secret(endpoint)
        audit.record_of_endpoint(endpoint, actor, "endpoint.created", _told_of_new(endpoint))
        tell(EndpointCreated(endpoint, actor))
    return CreatedEndpoint(endpoint, secret, accepted.warning)


def update_endpoint(endpoint: Endpoint, changes: Mapping[str, object], actor: Actor) -> UpdatedEndpoint:
    """Change some fields of EndpointFields; those that stay the same write nothing. Raises InvalidInput.

    A masked header value leaves the stored one. The very next attempt uses what is written here. One that is given an
    organization receives only its events: what is pending of others is canceled.
    """
    check_fields(endpoint.app, changes)
    warning = None
    changes = dict(changes)
    if "url" in changes:
        accepted = check_endpoint_url(str(changes["url"]))
        changes["url"], warning = accepted.url, accepted.warning
    with transaction.atomic():
        lane, endpoint = lock_endpoint(endpoint)
        new = stored_values(changes)
        if isinstance(headers := changes.get("headers"), Mapping):
            new["headers"] = encrypted_headers(headers, endpoint.headers)
        if "url" in changes:
            new["url"] = changes["url"]
        changed = {name: value for name, value in new.items() if getattr(endpoint, name) != value}
        if changed:
            before = {name: getattr(endpoint, name) for name in changed}
            for name, value in changed.items():
                setattr(endpoint, name, value)
            endpoint.version += 1
            endpoint.save(update_fields=[*changed, "version", "updated_at"])
            if "rate_limit" in changed:
                lane.rate = None if endpoint.rate_limit is None else float(endpoint.rate_limit)
                lane.tokens_at = lane.paced_until = None
                lane.seq += 1
                lane.save(update_fields=["rate", "tokens_at", "paced_until", "seq"])
            if "url" in changed:
                lane.start_at_another_url(database_now())
                lane.save()
            told = _told(before, changed)
            if "organization" in changed and endpoint.organization is not None:
                told["canceled"] = _cancel_of_others(endpoint, lane)
            audit.record_of_endpoint(endpoint, actor, "endpoint.updated", told)
            tell(EndpointUpdated(endpoint, [_API_NAMES.get(name, name) for name in changed], actor))
        if changes.get("enabled") is False:
            endpoint = disable_endpoint(endpoint, DisabledReason.MANUAL, actor)
        elif changes.get("enabled") is True:
            endpoint = enable_endpoint(endpoint, actor)
    return UpdatedEndpoint(endpoint, warning)


def disable_endpoint(
    endpoint: Endpoint, reason: DisabledReason, actor: Actor, *, still: Callable[[Lane], bool] | None = None
) -> Endpoint:
    """Hold its deliveries, new ones too. One that is disabled already stays as it is, with its first reason.

    `still` is asked under the locks: does what was seen of the lane before hold? If not, nothing happens.
    """
    with transaction.atomic():
        lane, endpoint = lock_endpoint(endpoint)
        if endpoint.disabled_at is None and (still is None or still(lane)):
            endpoint.disabled_at, endpoint.disabled_reason = timezone.now(), reason
            endpoint.save(update_fields=["disabled_at", "disabled_reason", "updated_at"])
            lane.held = True
            lane.seq += 1
            lane.save(update_fields=["held", "seq"])
            audit.record_of_endpoint(endpoint, actor, "endpoint.disabled", {"reason": reason.value})
            failed = _failed_since(endpoint, lane.failing_since) if lane.failing_since is not None else 0
            tell(EndpointDisabled(endpoint, lane.failing_since, failed, actor))
    return endpoint


def enable_endpoint(endpoint: Endpoint, actor: Actor, held: Literal["release", "cancel"] = "release") -> Endpoint:
    """Let deliveries go again; those that were held go out (at the endpoint's rate limit) or are canceled."""
    if held not in ("release", "cancel"):
        raise InvalidInput('held is "release" or "cancel".', details={"held": ['Give "release" or "cancel".']})
    with transaction.atomic():
        lane, endpoint = lock_endpoint(endpoint)
        if endpoint.disabled_at is not None:
            endpoint.disabled_at = endpoint.disabled_reason = None
            endpoint.save(update_fields=["disabled_at", "disabled_reason", "updated_at"])
            canceled = _cancel_pending(endpoint, test=False) if held == "cancel" else 0
            lane.held = False
            lane.start_anew(database_now())
            lane.find_waiting()
            lane.seq += 1
            lane.save()
            audit.record_of_endpoint(endpoint, actor, "endpoint.enabled", {"held": held, "canceled": canceled})
            tell(EndpointUpdated(endpoint, ["enabled"], actor))
            nudge()
    return endpoint


def delete_endpoint(endpoint: Endpoint, actor: Actor) -> None:
    """Cancel what is pending, erase secrets and header values, keep the history until retention ends."""
    with transaction.atomic():
        lane, endpoint = lock_endpoint(endpoint)
        endpoint.deleted_at = timezone.now()
        endpoint.headers = {}
        endpoint.version += 1
        endpoint.save(update_fields=["deleted_at", "headers", "version", "updated_at"])
        erase_secrets(endpoint)
        canceled = _cancel_pending(endpoint)
        lane.closed = True
        lane.urgent_from = lane.fresh_from = lane.retry_from = None
        lane.seq += 1
        lane.save(update_fields=["closed", "urgent_from", "fresh_from", "retry_from", "seq"])
        audit.record_of_endpoint(endpoint, actor, "endpoint.deleted", {"url": endpoint.url, "canceled": canceled})
        tell(EndpointDeleted(endpoint, actor))


def _failed_since(endpoint: Endpoint, since: dt.datetime) -> int:
    """How many of its deliveries have failed for good since, counted up to 10,000."""
    failed = Delivery.objects.filter(
        app=endpoint.app_id, environment=endpoint.environment, status=DeliveryStatus.FAILED, endpoint=endpoint
    )
    return failed.filter(failed_at__gte=since)[:_FAILED_AT_MOST].count()


def _cancel_pending(endpoint: Endpoint, *, test: bool | None = None) -> int:
    pending = Delivery.objects.filter(endpoint=endpoint, status=DeliveryStatus.PENDING)
    if test is not None:
        pending = pending.filter(test=test)
    return pending.update(status=DeliveryStatus.CANCELED, due_at=None)


def _cancel_of_others(endpoint: Endpoint, lane: Lane) -> int:
    """Cancel what is pending of other organizations than the endpoint's, and of none."""
    pending = Delivery.objects.filter(endpoint=endpoint, status=DeliveryStatus.PENDING)
    others = pending.exclude(event__organization=endpoint.organization_id)
    canceled = others.update(status=DeliveryStatus.CANCELED, due_at=None)
    if canceled:
        lane.seq += 1
        lane.save(update_fields=["seq"])
    return canceled


def _refuse_over_limit(app: App) -> None:
    if settings.WEBHOOKS_MAX_ENDPOINTS:
        # The app's row is the lock under which endpoints are counted.
        App.objects.select_for_update(no_key=True).get(pk=app.pk)
        if app.endpoints.filter(deleted_at=None).count() >= settings.WEBHOOKS_MAX_ENDPOINTS:
            raise LimitReached(
                f"This app has its {settings.WEBHOOKS_MAX_ENDPOINTS:,} endpoints: delete one first.",
                code="too_many_endpoints",
                retry_after=60,
            )


def _told_of_new(endpoint: Endpoint) -> dict[str, object]:
    """What was set on a new endpoint, for the audit log: header values redacted (S25)."""
    return audit.facts_of_new(
        {
            "url": endpoint.url,
            "event_types": endpoint.event_types,
            "name": endpoint.name,
            "description": endpoint.description,
            "organization": str(endpoint.organization or ""),
            "headers": _redacted(endpoint.headers),
            "metadata": endpoint.metadata,
            "rate_limit": endpoint.rate_limit,
            "enabled": None if endpoint.disabled_at is None else False,
        }
    )


def _told(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, object]:
    """Changes for the audit log: {field: [before, after]}, header values redacted (S25)."""
    told: dict[str, object] = {}
    for name, value in after.items():
        if name == "headers":
            told[name] = [_redacted(before[name]), _redacted(value)]
        elif name == "organization":
            told[name] = [str(before[name] or ""), str(value or "")]
        else:
            told[name] = [before[name], value]
    return told


def _redacted(headers: object) -> dict[str, str]:
    return dict.fromkeys(sorted(headers), REDACTED) if isinstance(headers, Mapping) else {}
