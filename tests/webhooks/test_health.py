"""Health: the first that holds of Attention, Live, Ready, Setup (product.md section 5)."""

import datetime as dt

import pytest

from webhooks.health import EndpointFacts, Health, app_health, endpoint_health

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
