"""The tab Overview: what it tells at a first visit, of nothing, of traffic; exact figures, and where its links lead."""

import datetime as dt
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from deliveries.error_codes import ErrorCode
from deliveries.models import Delivery, DeliveryStatus, Lane, Turn
from deliveries.tally import count_traffic
from deliveries.views.figures import Change, Figure
from events.models import EventType
from tests.deliveries.traffic import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    count,
    fail_at,
    make_delivery_at,
    make_event_at,
    succeed_at,
)
from tests.demo import Demo
from tests.factories import ACTOR, make_endpoint, make_event_type
from tests.pages.overview import make_shop, see
from tests.query_counts import assert_query_count
from webhooks.app_setup import create_app
from webhooks.models import App, Endpoint

pytestmark = pytest.mark.django_db


@pytest.fixture
def app(db: None) -> App:
    return make_shop()


@pytest.fixture
def endpoint(app: App) -> Endpoint:
    return make_endpoint(app, name="Billing")


# First visits ------------------------------------------------------------------------------------


@pytest.mark.parametrize("environment", ["", "test/"])
def test_without_an_endpoint_the_way_to_the_first_one_is_shown(app: App, environment: str) -> None:
    page = see(app, environment=environment)

    assert page.context["first_visit"] is True
    text = page.content.decode()
    assert f'href="/apps/shop/{environment}webhooks/endpoints/add/"' in text.split("Add first endpoint")[0][-200:]
    assert "data-live" not in text


def test_s37_a_viewer_is_told_who_adds_the_first_endpoint(app: App) -> None:
    text = see(app, "vera").content.decode()

    assert "Add first endpoint" not in text
    assert "Your role in this app is viewer" in text


def test_endpoints_without_traffic_lead_to_a_test(app: App, endpoint: Endpoint) -> None:
    page = see(app)

    assert page.context["no_traffic"] is True
    assert [row.endpoint for row in page.context["rows"]] == [endpoint]
    text = page.content.decode()
    assert "No traffic yet" in text
    assert 'href="/apps/shop/webhooks/test-send/"' in text.split("Send a test</a>")[0][-400:]
    assert f"http://testserver/api/v1/apps/{app.public_id}/events" in page.context["emit_command"]
    assert 'href="/apps/shop/api-keys/"' in text
    assert "Send a test</a>" not in see(app, "vera").content.decode()


def test_where_a_test_arrived_and_no_type_is_defined_the_next_step_is_to_define_one(
    app: App, endpoint: Endpoint
) -> None:
    EventType.objects.filter(app=app).delete()
    Lane.objects.filter(pk=endpoint.pk).update(last_test_success_at=NOW - HOUR)
    page = see(app)

    assert page.context["no_traffic"] is True
    text = page.content.decode()
    assert "A test has arrived, so messages get through." in text
    assert '<a class="button main" href="/apps/shop/webhooks/event-catalog/add/">' in text
    assert "It is refused until order.paid is in your event catalog." in text

    make_event_type(app, "invoice.sent")
    text = see(app).content.decode()
    assert "event-catalog/add/" not in text
    assert "invoice.sent" in text


def test_what_the_product_tells_by_itself_is_no_traffic_and_wants_no_subscriber(app: App, endpoint: Endpoint) -> None:
    make_event_at(endpoint, NOW - HOUR, "webhook.endpoint.created")
    count()
    assert see(app).context["no_traffic"] is True

    succeed_at(make_delivery_at(endpoint, NOW - 3 * DAY), NOW - 3 * DAY)
    page = see(app)

    assert "no_traffic" not in page.context
    assert page.context["unheard"] is False
    assert "no endpoint is subscribed" not in page.content.decode()


def test_what_is_not_counted_yet_is_traffic_all_the_same(app: App, endpoint: Endpoint) -> None:
    make_delivery_at(endpoint, NOW - SECOND, DeliveryStatus.PENDING, due_at=NOW)

    page = see(app)

    assert "no_traffic" not in page.context
    assert page.context["stale"] is True
    assert "Nothing is counted yet" in page.content.decode()


# Figures -----------------------------------------------------------------------------------------


def test_counters_tell_the_day_and_what_changed(app: App, endpoint: Endpoint) -> None:
    for minutes in range(4):
        succeed_at(make_delivery_at(endpoint, NOW - DAY - HOUR - minutes * MINUTE), NOW - DAY - HOUR, ms=10)
    for minutes in range(4):
        succeed_at(make_delivery_at(endpoint, NOW - HOUR - minutes * MINUTE), NOW - HOUR, ms=12)
    lost = make_delivery_at(endpoint, NOW - HOUR, DeliveryStatus.FAILED, attempt_count=1)
    fail_at(lost, NOW - HOUR, ms=30_000, error_code=ErrorCode.TIMEOUT, response_status=None)
    count()

    page = see(app)

    before = "on the day before"
    assert page.context["figures"] == [
        Figure("Events", "5", Change("▲", f"25 % {before}")),
        Figure("Deliveries", "5", Change("▲", f"25 % {before}")),
        Figure(
            "Success rate",
            "80.0 %",
            Change("▼", f"20 points {before}", worse=True),
            ("1 of 5 attempts failed", "1 for good"),
        ),
        Figure(
            "Response time, p95",
            "28.8 s",
            Change("▲", "2,880 times the day before", worse=True),
            ("half within 12 ms",),
        ),
    ]
    assert "stale" in page.context
    assert page.context["stale"] is False


def test_a_week_is_asked_for_in_the_url(app: App, endpoint: Endpoint) -> None:
    for days in (0, 3, 8):
        succeed_at(make_delivery_at(endpoint, NOW - days * DAY - HOUR), NOW - days * DAY - HOUR)
    count()

    week, unknown = see(app, query="?period=7d"), see(app, query="?period=1y")

    assert week.context["figures"][1] == Figure("Deliveries", "2", Change("▲", "100 % on the week before"))
    assert week.content.decode().count("<g ") == 84
    assert 'hx-get="/apps/shop/webhooks/?period=7d"' in week.content.decode()
    assert unknown.context["figures"][1].value == "1"
    assert unknown.content.decode().count("<g ") == 48


def test_figures_that_stand_still_say_so(app: App, endpoint: Endpoint) -> None:
    succeed_at(make_delivery_at(endpoint, NOW - HOUR), NOW - HOUR)
    count(NOW - 3 * MINUTE)

    page = see(app)

    assert page.context["stale"] is True
    assert "These figures stand still" in page.content.decode()


def test_what_waits_for_a_retry_is_of_this_moment(app: App, endpoint: Endpoint) -> None:
    for age in (10, 40):
        waiting = make_delivery_at(
            endpoint,
            NOW - age * MINUTE,
            DeliveryStatus.PENDING,
            due_at=NOW + age * SECOND,
            turn=Turn.RETRY,
            attempt_count=1,
        )
        fail_at(waiting, NOW - age * MINUTE)
    count()

    page = see(app)

    assert page.context["waiting_count"] == "2"
    assert page.context["waiting"].next_at == NOW + 10 * SECOND
    assert page.context["waiting"].oldest_at == NOW - 40 * MINUTE
    assert page.context["waiting_url"] == "/apps/shop/webhooks/deliveries/?status=pending"


def test_the_table_holds_the_figures_of_the_chart(app: App, endpoint: Endpoint) -> None:
    succeed_at(make_delivery_at(endpoint, NOW - HOUR), NOW - HOUR)
    fail_at(make_delivery_at(endpoint, NOW - HOUR, DeliveryStatus.FAILED), NOW - HOUR)
    count()

    (step,) = see(app).context["steps"]

    assert (step.deliveries, step.succeeded, step.failed, step.error_rate) == ("2", "1", "1", "50.0 %")
    assert parse_qs(urlsplit(step.url).query) == {"after": ["2026-11-24T11:00:00Z"], "before": ["2026-11-24T11:30:00Z"]}
    assert "1 succeeded, 1 failed." in see(app).context["chart"].summary


def test_breakdowns_lead_to_the_deliveries_they_count(app: App, endpoint: Endpoint) -> None:
    succeed_at(make_delivery_at(endpoint, NOW - HOUR, type="order.paid"), NOW - HOUR)
    fail_at(make_delivery_at(endpoint, NOW - HOUR, DeliveryStatus.FAILED, type="order.sent"), NOW - HOUR)
    late = make_delivery_at(endpoint, NOW - HOUR, DeliveryStatus.FAILED, type="order.sent")
    fail_at(late, NOW - HOUR, error_code=ErrorCode.TIMEOUT, response_status=None)
    count()

    page = see(app)

    since = "2026-11-23T12:30:00Z"
    told = [(share.name, share.count, share.success, share.width) for share in page.context["event_types"].shares]
    assert told == [("order.sent", "2", "0 %", 100.0), ("order.paid", "1", "100 %", 50.0)]
    queries = [parse_qs(urlsplit(share.url).query) for share in page.context["event_types"].shares]
    assert queries == [{"type": [name], "after": [since]} for name in ("order.sent", "order.paid")]
    told = [(share.name, share.count, share.success, share.tone) for share in page.context["outcomes"].shares]
    assert sorted(told) == [
        ("200", "1", "33.3 %", "good"),
        ("500", "1", "33.3 %", "bad"),
        ("Time-out", "1", "33.3 %", "bad"),
    ]
    queries = [parse_qs(urlsplit(share.url).query) for share in page.context["outcomes"].shares]
    assert {"response": ["timeout"], "after": [since]} in queries
    assert {"response": ["500"], "after": [since]} in queries


def test_events_that_nobody_hears_are_told_of(app: App) -> None:
    make_event_type(app, "order.sent")
    deaf = make_endpoint(app, event_types=["order.sent"])
    make_event_at(deaf, NOW - HOUR, "order.paid")
    count()

    page = see(app)

    assert page.context["figures"][0].value == "1"
    assert page.context["steps"] == []
    text = page.content.decode()
    assert "no endpoint is subscribed to their types" in text
    assert "Nothing was delivered in this time" in text


# Scope, parts, cost ------------------------------------------------------------------------------


def test_s33_nothing_of_another_app_or_environment_is_counted(app: App, endpoint: Endpoint) -> None:
    succeed_at(make_delivery_at(endpoint, NOW - HOUR), NOW - HOUR)
    foreign = make_endpoint(create_app("Others", actor=ACTOR).app, name="Foreign")
    staging = make_endpoint(app, environment="test", name="Staging")
    for other in (foreign, staging):
        fail_at(make_delivery_at(other, NOW - HOUR, DeliveryStatus.FAILED, type="secret.type"), NOW - HOUR)
        Lane.objects.filter(pk=other.pk).update(last_exhausted_at=NOW - HOUR)
    count()

    live, test = see(app), see(app, environment="test/")

    assert (live.context["figures"][1].value, live.context["failures"]) == ("1", [])
    assert [row.endpoint for row in live.context["rows"]] == [endpoint]
    for word in ("Foreign", "Staging", "secret.type"):
        assert word not in live.content.decode()
    assert [row.endpoint for row in test.context["rows"]] == [staging]
    assert [row.failure.endpoint for row in test.context["failures"]] == [staging]
    assert test.context["waiting_url"].startswith("/apps/shop/test/webhooks/")


def test_htmx_gets_the_live_part_alone(app: App, endpoint: Endpoint) -> None:
    succeed_at(make_delivery_at(endpoint, NOW - HOUR), NOW - HOUR)
    Lane.objects.filter(pk=endpoint.pk).update(last_success_at=NOW - HOUR)
    count()

    text = see(app, query="?period=7d", **{"HX-Request": "true"}).content.decode()

    assert "<html" not in text
    assert "the last 7 days" in text
    assert "Nothing needs you." in text
    assert '<div class="page-title" id="page-title" hx-swap-oob="true">' in text
    assert '<p class="verdict" id="verdict" hx-swap-oob="true">The endpoint delivers normally.</p>' in text


def test_names_are_text(app: App) -> None:
    endpoint = make_endpoint(app, name="<script>alert(1)</script>")
    fail_at(make_delivery_at(endpoint, NOW - HOUR, DeliveryStatus.FAILED, type="order.paid"), NOW - HOUR)
    Lane.objects.filter(pk=endpoint.pk).update(last_exhausted_at=NOW - HOUR)
    count()

    text = see(app).content.decode()

    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_the_overview_costs_the_same_whatever_there_is(demo: Demo, owner: Client) -> None:
    count_traffic()

    def add_rows() -> None:
        now = timezone.now()
        for number in range(5):
            endpoint = make_endpoint(demo.app, name=f"More {number}")
            at = now - dt.timedelta(minutes=10 + number)
            fail_at(make_delivery_at(endpoint, at, DeliveryStatus.FAILED, type=f"more.type_{number}"), at)
            Lane.objects.filter(pk=endpoint.pk).update(last_exhausted_at=now)
        count_traffic()

    assert_query_count("overview, with traffic", owner, demo.path, add_rows)
    assert Delivery.objects.filter(event_type__startswith="more.").count() == 5
