"""Health of an endpoint and of an app, from facts that the engine writes.

Test sends are deliveries too: one that failed, or waits for its retry, is Attention, as a person who has just tried
the endpoint should know. It ends when the retry succeeds or somebody cancels it, and a day after one failed for good.
Only a real delivery makes an endpoint Live.
"""

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
    """How the endpoints of an app do in one environment: how many are of each health, how many of these disabled."""

    counts: Counter[Health]
    disabled: Counter[Health]

    @property
    def health(self) -> Health:
        return app_health(self.counts.elements())

    @property
    def endpoints(self) -> int:
        return self.counts.total()

    @property
    def verdict(self) -> str:
        """One to three sentences for a person: what needs them first."""
        if not self.endpoints:
            return "No endpoint yet: events are kept, and delivered to nobody."
        return " ".join([*self._on_attention(), *self._on_delivering(), *self._on_disabled()])

    def _on_attention(self) -> list[str]:
        attention = self.counts[Health.ATTENTION]
        return [f"{self._some(attention)} {'needs' if attention == 1 else 'need'} review."] if attention else []

    def _on_delivering(self) -> list[str]:
        delivering = self.counts[Health.LIVE] - self.disabled[Health.LIVE]
        if self.counts[Health.ATTENTION]:
            return [f"{_number(delivering)} {_verb(delivering, 'deliver')} normally."] if delivering else []
        if delivering:
            waiting = self.endpoints - delivering - self.disabled.total()
            its = "its" if waiting == 1 else "their"
            then = f", {waiting} {_verb(waiting, 'wait')} for {its} first event" if waiting else ""
            return [f"{self._some(delivering)} {_verb(delivering, 'deliver')} normally{then}."]
        if self.disabled.total() == self.endpoints:
            return []
        if self.counts[Health.LIVE]:
            return ["No endpoint delivers now."]
        if self.counts[Health.READY]:
            return ["A test has arrived: everything is ready for the first real event."]
        return ["Nothing has been delivered yet: send a test to see a message arrive."]

    def _on_disabled(self) -> list[str]:
        """Of those in Attention the system disabled some: counted there already."""
        disabled = self.disabled.total() - self.disabled[Health.ATTENTION]
        if not disabled:
            return []
        who = self._some(disabled) if disabled == self.endpoints else _number(disabled)
        return (
            [f"{who} is disabled, and its deliveries are held."]
            if disabled == 1
            else [f"{who} are disabled, and their deliveries are held."]
        )

    def _some(self, count: int) -> str:
        """So many of the endpoints, as a sentence begins."""
        if count == self.endpoints:
            return {1: "The endpoint", 2: "Both endpoints"}.get(count, f"All {count} endpoints")
        return f"{_number(count)} of {self.endpoints} endpoints"


def _number(count: int) -> str:
    return "One" if count == 1 else str(count)


def _verb(count: int, verb: str) -> str:
    return f"{verb}s" if count == 1 else verb
