"""Health of an endpoint and of an app, from facts that the engine writes (product.md, section 5)."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from webhooks.models import DisabledReason

ATTENTION_WINDOW = dt.timedelta(hours=24)


class Health(StrEnum):
    ATTENTION = "attention"
    LIVE = "live"
    READY = "ready"
    SETUP = "setup"


@dataclass(frozen=True)
class EndpointFacts:
    """What health is made of; times are None where it never happened."""

    subscribed: bool
    disabled_reason: str | None
    last_success_at: dt.datetime | None
    last_test_success_at: dt.datetime | None
    last_exhausted_at: dt.datetime | None  # a delivery ended `failed`
    waiting_for_retry: bool


def endpoint_health(facts: EndpointFacts, now: dt.datetime) -> Health:
    """The first that holds of Attention, Live, Ready, Setup."""
    failed_lately = facts.last_exhausted_at is not None and now - facts.last_exhausted_at < ATTENTION_WINDOW
    disabled_by_system = facts.disabled_reason in {DisabledReason.GONE, DisabledReason.SUSTAINED_FAILURE}
    if failed_lately or facts.waiting_for_retry or disabled_by_system:
        return Health.ATTENTION
    if facts.last_success_at is not None:
        return Health.LIVE
    if facts.disabled_reason is None and facts.subscribed and facts.last_test_success_at is not None:
        return Health.READY
    return Health.SETUP


def app_health(endpoints: Iterable[Health]) -> Health:
    """Attention if any endpoint is, else Live if any is, else Ready if any is, else Setup."""
    present = set(endpoints)
    return next((health for health in Health if health in present), Health.SETUP)
