"""The tab Overview: what needs a person, why, and what failed."""

from urllib.parse import parse_qs, urlsplit

import pytest
from pytest_django import Settings

from deliveries.endpoints import disable_endpoint
from deliveries.error_codes import ErrorCode
from deliveries.models import AttemptStatus, DeliveryStatus, Lane, Turn
from tests.deliveries.traffic import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    count,
    fail_at,
    make_delivery_at,
    succeed_at,
)
from tests.factories import ACTOR, make_endpoint
from tests.pages.overview import make_shop, see
from webhooks.models import App, DisabledReason, Endpoint

pytestmark = pytest.mark.django_db


@pytest.fixture
def app(db: None) -> App:
    return make_shop()


@pytest.fixture
def endpoint(app: App) -> Endpoint:
    return make_endpoint(app, name="Billing")


def test_where_nothing_failed_nothing_needs_anybody(app: App, endpoint: Endpoint) -> None:
    succeed_at(make_delivery_at(endpoint, NOW - HOUR), NOW - HOUR)
    count()

    page = see(app)

    assert page.context["reviews"] == []
    assert page.context["failures"] == []
    assert "Nothing needs you." in page.content.decode()


def test_an_endpoint_that_only_fails_says_since_when_and_what_to_do(
    app: App, endpoint: Endpoint, settings: Settings
) -> None:
    settings.WEBHOOKS_DISABLE_AFTER = 3600 * 24
    since, open_until = NOW - 2 * HOUR, NOW + MINUTE
    for number in (1, 2, 3):
        lost = make_delivery_at(endpoint, since + number * MINUTE, DeliveryStatus.FAILED, response_status=401)
        fail_at(lost, since + number * MINUTE, response_status=401, error_code=ErrorCode.HTTP_STATUS)
    Lane.objects.filter(pk=endpoint.pk).update(
        failing_since=since, failures_in_a_row=3, last_exhausted_at=NOW - HOUR, open_until=open_until
    )
    count()

    page = see(app)

    (review,) = page.context["reviews"]
    assert (review.endpoint, review.reason, review.since) == (endpoint, "failing", since)
    assert (review.open_until, review.disabled_from) == (open_until, since + DAY)
    assert review.cause.title == "The receiver refused the request (401)."
    text = page.content.decode()
    assert "Every attempt has failed since" in text
    assert "Check the secret in the receiver&#x27;s environment, send one test, then retry." in text
    (row,) = page.context["failures"]
    assert (row.short, row.attempts, row.failure.first_at) == ("401", "3 attempts", since + MINUTE)
    assert urlsplit(row.all_url).path == "/apps/shop/webhooks/deliveries/"
    assert parse_qs(urlsplit(row.all_url).query) == {"endpoint": [endpoint.public_id], "response": ["401"]}
    assert row.last_url == f"/apps/shop/webhooks/deliveries/{lost.public_id}/"


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [(DisabledReason.GONE, "gone for good (410)"), (DisabledReason.SUSTAINED_FAILURE, "Nothing but failures")],
)
def test_an_endpoint_that_the_system_disabled_says_why(
    app: App, endpoint: Endpoint, reason: DisabledReason, sentence: str
) -> None:
    succeed_at(make_delivery_at(endpoint, NOW - HOUR), NOW - HOUR)
    disable_endpoint(endpoint, reason, ACTOR)
    count()

    page = see(app)

    (review,) = page.context["reviews"]
    assert review.reason == reason.value
    assert sentence in page.content.decode()


def test_a_delivery_that_waits_for_a_retry_is_a_reason(app: App, endpoint: Endpoint) -> None:
    waiting = make_delivery_at(
        endpoint, NOW - MINUTE, DeliveryStatus.PENDING, due_at=NOW, turn=Turn.RETRY, attempt_count=1
    )
    fail_at(waiting, NOW - MINUTE, status=AttemptStatus.FAILED)
    count()

    (review,) = see(app).context["reviews"]

    assert review.reason == "retrying"


def test_what_failed_a_moment_ago_and_is_not_counted_yet_is_not_called_nothing(app: App, endpoint: Endpoint) -> None:
    succeed_at(make_delivery_at(endpoint, NOW - HOUR), NOW - HOUR)
    count()
    assert "Nothing failed" in see(app).content.decode()
    waiting = make_delivery_at(
        endpoint, NOW - SECOND, DeliveryStatus.PENDING, due_at=NOW, turn=Turn.RETRY, attempt_count=1
    )
    fail_at(waiting, NOW - SECOND)

    text = see(app).content.decode()

    assert "Nothing failed" not in text
    assert "it comes here when it is counted" in text


def test_those_that_need_a_person_come_first_and_more_are_told_of(app: App) -> None:
    fine = [make_endpoint(app, name=f"Fine {number}") for number in range(7)]
    ill = [make_endpoint(app, name=f"Ill {number}") for number in range(4)]
    succeed_at(make_delivery_at(fine[0], NOW - HOUR), NOW - HOUR)
    for endpoint in ill:
        Lane.objects.filter(pk=endpoint.pk).update(last_exhausted_at=NOW - HOUR)
    count()

    page = see(app)

    assert [row.health.value for row in page.context["rows"]] == ["attention"] * 4 + ["setup"] * 4
    assert len(page.context["reviews"]) == 3
    assert "More endpoints need you" in page.content.decode()
