"""Health: the first that holds of Attention, Live, Ready, Setup (product.md section 5)."""

import datetime as dt
from collections import Counter

import pytest

from webhooks.health import AppHealth, EndpointFacts, Health, app_health, endpoint_health

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def facts(**changes: object) -> EndpointFacts:
    values: dict[str, object] = {
        "subscribed": True,
        "disabled_reason": None,
        "last_success_at": None,
        "last_test_success_at": None,
        "last_exhausted_at": None,
        "waiting_for_retry": False,
    }
    return EndpointFacts(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (facts(), Health.SETUP),
        (facts(last_test_success_at=NOW), Health.READY),
        (facts(last_test_success_at=NOW, subscribed=False), Health.SETUP),
        (facts(last_test_success_at=NOW, disabled_reason="manual"), Health.SETUP),
        (facts(last_success_at=NOW - 1000 * HOUR), Health.LIVE),
        (facts(last_success_at=NOW, disabled_reason="manual"), Health.LIVE),
        (facts(last_success_at=NOW, waiting_for_retry=True), Health.ATTENTION),
        (facts(last_success_at=NOW, last_exhausted_at=NOW - 23 * HOUR), Health.ATTENTION),
        (facts(last_success_at=NOW, last_exhausted_at=NOW - 24 * HOUR), Health.LIVE),
        (facts(last_success_at=NOW, disabled_reason="gone"), Health.ATTENTION),
        (facts(last_success_at=NOW, disabled_reason="sustained_failure"), Health.ATTENTION),
    ],
)
def test_health_of_an_endpoint(given: EndpointFacts, expected: Health) -> None:
    assert endpoint_health(given, NOW) == expected


def test_health_of_an_app_is_the_most_pressing_of_its_endpoints() -> None:
    assert app_health([]) == Health.SETUP
    assert app_health([Health.SETUP, Health.READY]) == Health.READY
    assert app_health([Health.READY, Health.LIVE, Health.SETUP]) == Health.LIVE
    assert app_health([Health.LIVE, Health.ATTENTION]) == Health.ATTENTION


@pytest.mark.parametrize(
    ("endpoints", "health", "verdict"),
    [
        ("", Health.SETUP, "No endpoint yet: events are kept, and delivered to nobody."),
        ("s", Health.SETUP, "Nothing has been delivered yet: send a test to see a message arrive."),
        ("rs", Health.READY, "A test has arrived: everything is ready for the first real event."),
        ("l", Health.LIVE, "The endpoint delivers normally."),
        ("ll", Health.LIVE, "Both endpoints deliver normally."),
        ("lll", Health.LIVE, "All 3 endpoints deliver normally."),
        ("lls", Health.LIVE, "2 of 3 endpoints deliver normally, 1 waits for its first event."),
        ("lsr", Health.LIVE, "One of 3 endpoints delivers normally, 2 wait for their first event."),
        ("a", Health.ATTENTION, "The endpoint needs review."),
        ("aaa", Health.ATTENTION, "All 3 endpoints need review."),
        ("alllll", Health.ATTENTION, "One of 6 endpoints needs review. 5 deliver normally."),
        ("aals", Health.ATTENTION, "2 of 4 endpoints need review. One delivers normally."),
        # In capitals: disabled.
        ("Al", Health.ATTENTION, "One of 2 endpoints needs review. One delivers normally."),
        ("aL", Health.ATTENTION, "One of 2 endpoints needs review. One is disabled, and its deliveries are held."),
        ("lL", Health.LIVE, "One of 2 endpoints delivers normally. One is disabled, and its deliveries are held."),
        ("L", Health.LIVE, "The endpoint is disabled, and its deliveries are held."),
        ("SS", Health.SETUP, "Both endpoints are disabled, and their deliveries are held."),
        ("Ls", Health.LIVE, "No endpoint delivers now. One is disabled, and its deliveries are held."),
    ],
)
def test_the_verdict_of_an_app_says_what_needs_a_person_first(endpoints: str, health: Health, verdict: str) -> None:
    letters = {each.value[0]: each for each in Health}
    counts = Counter(letters[letter.lower()] for letter in endpoints)
    disabled = Counter(letters[letter.lower()] for letter in endpoints if letter.isupper())
    app = AppHealth(counts, disabled)

    assert (app.health, app.verdict) == (health, verdict)
