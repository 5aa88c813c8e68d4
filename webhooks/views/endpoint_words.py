"""How an endpoint does, in a sentence: the verdict first, and what to do where there is something to do."""

from typing import Any

from django.utils import timezone

from deliveries.endpoint_facts import held_count_of
from deliveries.models import Lane
from deliveries.models.lane import BreakerState
from deliveries.views.figures import counted
from webhooks.health import ATTENTION_WINDOW, Health
from webhooks.models import DisabledReason

# Deliveries that one endpoint holds are counted so far.
HELD_AT_MOST = 10_000

_DISABLED = {
    DisabledReason.MANUAL: "It is disabled: nothing is sent to it but test sends.",
    DisabledReason.GONE: "It is disabled, because its receiver answered 410 Gone. "
    "Enable it once the receiver takes messages again, or delete it.",
    DisabledReason.SUSTAINED_FAILURE: "It is disabled, because every delivery failed for too long. "
    "Mend the receiver, send a test, and enable it.",
}
_HEALTH = {
    Health.LIVE: "It delivers normally.",
    Health.READY: "A test has arrived: it is ready for the first real event.",
    Health.SETUP: "Nothing has arrived yet: send a test event and watch it.",
}


def endpoint_verdict(endpoint: Any, health: Health) -> str:
    """Of a row of `with_facts`."""
    if endpoint.disabled_reason is not None:
        return f"{_DISABLED[endpoint.disabled_reason]} {held_words(held_count_of(endpoint))}"
    lane: Lane = endpoint.lane
    if lane.breaker != BreakerState.CLOSED:
        return (
            f"It fails: {lane.failures_in_a_row} attempts in a row did. Its deliveries wait, none is lost, and one is "
            "tried from time to time until the receiver takes it."
        )
    if lane.paused:
        return "Its receiver asked for a pause: deliveries go on by themselves afterwards."
    return _attention(endpoint) if health == Health.ATTENTION else _HEALTH[health]


def _attention(endpoint: Any) -> str:
    """Of one that is enabled."""
    exhausted_at = endpoint.lane.last_exhausted_at
    lost = "a delivery failed for good in the last 24 hours"
    waits = "what has failed is tried again by itself"
    if exhausted_at is None or timezone.now() - exhausted_at >= ATTENTION_WINDOW:
        return f"It needs review: {waits}."
    return f"It needs review: {lost}; {waits}." if endpoint.waiting_for_retry else f"It needs review: {lost}."


def held_words(count: int) -> str:
    """So many deliveries are held, in a sentence."""
    if not count:
        return "No delivery is held yet."
    return "One delivery is held." if count == 1 else f"{counted(count, HELD_AT_MOST)} deliveries are held."
