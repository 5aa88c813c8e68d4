"""Health of an endpoint and of an app, from facts that the engine writes (product.md, section 5)."""

import datetime as dt
from collections import Counter
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


@dataclass(frozen=True)
class AppHealth:
    """How the endpoints of an app do in one environment: how many are of each health, and how many are disabled."""

    counts: Counter[Health]
    disabled: int

    @property
    def health(self) -> Health:
        return app_health(self.counts.elements())

    @property
    def endpoints(self) -> int:
        return self.counts.total()

    @property
    def verdict(self) -> str:
        """One or two sentences for a person: what needs them first."""
        if not self.endpoints:
            return "No endpoint yet: events are kept, and delivered to nobody."
        sentences = [self._first_sentence()]
        if self.disabled:
            held = "its deliveries are held" if self.disabled == 1 else "their deliveries are held"
            sentences.append(f"{_number(self.disabled)} {_is(self.disabled)} disabled, and {held}.")
        return " ".join(sentences)

    def _first_sentence(self) -> str:
        attention, live, ready = (self.counts[each] for each in (Health.ATTENTION, Health.LIVE, Health.READY))
        others = self.endpoints - attention
        if attention:
            who = "The only endpoint" if self.endpoints == 1 else f"{_number(attention)} of {self.endpoints} endpoints"
            if attention == self.endpoints > 1:
                who = f"All {self.endpoints} endpoints"
            needs = "needs" if attention == 1 else "need"
            well = f" {live} {'delivers' if live == 1 else 'deliver'} normally." if live else ""
            return f"{who} {needs} review.{well}"
        if live:
            if live < self.endpoints:
                waits = "waits for its" if others - live == 1 else "wait for their"
                return f"{live} of {self.endpoints} endpoints deliver normally, {others - live} {waits} first event."
            return "The endpoint delivers normally." if live == 1 else f"All {live} endpoints deliver normally."
        if ready:
            return "A test has arrived: everything is ready for the first real event."
        return "Nothing has been delivered yet: send a test to see a message arrive."


def _number(count: int) -> str:
    return "One" if count == 1 else str(count)


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
