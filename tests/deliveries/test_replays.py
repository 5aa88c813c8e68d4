"""What a replay comes to: which deliveries each kind tries again, and which it makes."""

import datetime as dt
import json
import random
import uuid
from typing import Any

import pytest
from django.utils import timezone

from deliveries.delivery_filter import DeliveryFilter
from deliveries.endpoints import delete_endpoint, disable_endpoint, enable_endpoint
from deliveries.engine.statements import statements
from deliveries.models import Delivery, ReplayKind, Turn
from deliveries.replay_matches import matching_events
from deliveries.replays import count_matching
from deliveries.test_send import send_test
from events.catalog.patterns import matches
from events.models import Event
from tests.deliveries.engine.rows import lane_of, make_app, make_endpoint, make_events
from tests.deliveries.replaying import DAY, make_failed, outcome, pending, start, undelivered, work
from tests.factories import ACTOR, make_organization
from webhooks.models import App, DisabledReason, Endpoint

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def app() -> App:
    return make_app("order.paid", "order.sent", "webhook.endpoint.updated")


@pytest.fixture
def endpoint(app: App) -> Endpoint:
    return make_endpoint(app)


# Deliveries in one state ---------------------------------------------------------------------------


def test_all_that_failed_get_an_attempt_now_and_the_schedule_from_its_start(app: App, endpoint: Endpoint) -> None:
    failed = make_failed(endpoint, 3)
    others = [*make_failed(endpoint, status="succeeded"), *make_failed(endpoint, status="canceled")]
    others += [*make_failed(endpoint, status="sending"), *make_failed(endpoint, status="pending")]
    before, seq = {row.pk: row.due_at for row in others}, lane_of(endpoint).seq

    replay = start(app)
    assert outcome(replay) == ("queued", 3, 0, 0, 0)
    assert len(pending()) == 1  # nothing is done in the caller's request
    started = timezone.now()
    work()

    assert outcome(replay) == ("completed", 3, 3, 0, 0)
    for delivery in failed:
        delivery.refresh_from_db()
        assert (delivery.status, delivery.turn, delivery.attempt_count) == ("pending", Turn.RETRY, 10)
        assert (delivery.schedule_position, delivery.lost_count) == (0, 0)
    retried = [row for row in pending() if row in failed]
    assert retried == failed  # the oldest first
    assert {row.pk: row.due_at for row in Delivery.objects.filter(pk__in=before)} == before
    lane = lane_of(endpoint)
    assert (lane.retry_from, lane.seq > seq) == (retried[0].due_at, True)
    assert lane.retry_from is not None
    assert lane.retry_from >= started
    assert replay.finished_at is not None


@pytest.mark.parametrize("kind", [ReplayKind.CANCELED, ReplayKind.SUCCEEDED])
def test_what_was_canceled_or_succeeded_can_be_tried_again_too(app: App, endpoint: Endpoint, kind: ReplayKind) -> None:
    (wanted,) = make_failed(endpoint, status=kind)
    make_failed(endpoint)
    replay = start(app, kind)
    work()
    assert (outcome(replay), pending()) == (("completed", 1, 1, 0, 0), [wanted])


def test_each_filter_narrows_what_is_tried_again(app: App, endpoint: Endpoint) -> None:
    organization = make_organization(app)
    other = make_endpoint(app)
    (of_other,) = make_failed(other)
    (sent,) = make_failed(endpoint, event_type="order.sent")
    (timed_out,) = make_failed(endpoint, error_code="timeout", response_status=None)
    (unavailable,) = make_failed(endpoint, response_status=503)
    (of_organization,) = make_failed(endpoint)
    Event.objects.filter(pk=of_organization.event_id).update(organization=organization)
    (test_send,) = make_failed(endpoint, test=True)
    (old,) = make_failed(endpoint, created_at=timezone.now() - dt.timedelta(minutes=30))
    cases: list[tuple[dict[str, Any], Delivery]] = [
        ({"endpoint_id": other.pk}, of_other),
        ({"event_type": "order.sent"}, sent),
        ({"error_code": "timeout"}, timed_out),
        ({"response_status": 503}, unavailable),
        ({"organization_id": organization.pk}, of_organization),
        ({"event_id": old.event_id}, old),
        ({"before": timezone.now() - dt.timedelta(minutes=29), "status": "failed"}, old),
        ({"test": True}, test_send),
    ]
    for filters, wanted in cases:
        assert count_matching(app, "live", ReplayKind.FAILED, DeliveryFilter(**filters)) == 1
        replay = start(app, **filters)
        work()
        assert (outcome(replay), pending()) == (("completed", 1, 1, 0, 0), [wanted]), filters
        Delivery.objects.filter(pk=wanted.pk).update(status="failed", due_at=None)
    replay = start(app, endpoint_id=endpoint.pk, test=False, after=timezone.now() - dt.timedelta(minutes=29))
    work()
    assert outcome(replay) == ("completed", 4, 4, 0, 0)


def test_a_filter_comes_back_from_where_it_is_stored_as_it_was() -> None:
    every = DeliveryFilter(
        status="failed",
        endpoint_id=uuid.uuid4(),
        event_type="order.paid",
        event_id=uuid.uuid4(),
        organization_id=uuid.uuid4(),
        response_status=503,
        error_code="timeout",
        test=False,
        after=timezone.now() - DAY,
        before=timezone.now(),
    )
    assert None not in vars(every).values()
    for filters in (every, DeliveryFilter()):
        assert DeliveryFilter.from_json(json.loads(json.dumps(filters.to_json()))) == filters


def test_a_test_send_goes_out_to_a_disabled_endpoint_too(app: App, endpoint: Endpoint) -> None:
    (test_send,) = make_failed(endpoint, test=True)
    make_failed(endpoint)
    disable_endpoint(endpoint, DisabledReason.MANUAL, ACTOR)
    start(app)
    work()
    assert [claim.delivery_id for claim in statements().claim(100, 25.0)] == [test_send.pk]


def test_on_a_disabled_endpoint_they_are_held_until_it_is_enabled(app: App, endpoint: Endpoint) -> None:
    make_failed(endpoint, 2)
    undelivered(app)
    disable_endpoint(endpoint, DisabledReason.MANUAL, ACTOR)
    start(app)
    start(app, ReplayKind.MISSING, endpoint_id=endpoint.pk)
    work()
    assert (len(pending()), statements().claim(100, 25.0)) == (3, [])
    enable_endpoint(endpoint, ACTOR)
    assert len(statements().claim(100, 25.0)) == 3


def test_of_a_deleted_endpoint_nothing_is_tried_again(app: App, endpoint: Endpoint) -> None:
    make_failed(endpoint)
    make_failed(make_endpoint(app))
    delete_endpoint(endpoint, ACTOR)
    replay = start(app)
    work()
    assert outcome(replay) == ("completed", 1, 1, 0, 0)
    assert Delivery.objects.get(endpoint=endpoint).status == "failed"


# An endpoint's events ------------------------------------------------------------------------------


def test_missing_makes_exactly_the_missing_ones(app: App) -> None:
    emitted_before = undelivered(app, 2)
    endpoint = make_endpoint(app, "order.paid")
    has = [
        row.event_id for status in ("succeeded", "failed", "canceled") for row in make_failed(endpoint, status=status)
    ]
    undelivered(app, type="order.sent")
    emitted_since = undelivered(app, 2)
    before = timezone.now()

    replay = start(app, ReplayKind.MISSING, endpoint_id=endpoint.pk)
    work()

    assert outcome(replay) == ("completed", 4, 0, 4, 0)
    made = pending()
    assert [row.event for row in made] == [*emitted_before, *emitted_since]
    for row in made:
        assert (row.endpoint, row.app, row.environment, row.event_type) == (endpoint, app, "live", "order.paid")
        assert (row.turn, row.attempt_count, row.test) == (Turn.RETRY, 0, False)
        assert row.created_at >= before
    assert lane_of(endpoint).retry_from == made[0].due_at
    assert {row.event_id for row in Delivery.objects.exclude(status="pending")} == set(has)
    claims = statements().claim(100, 25.0)
    assert {(claim.event_id, claim.payload) for claim in claims} == {(row.event_id, row.event.payload) for row in made}
    replay = start(app, ReplayKind.MISSING, endpoint_id=endpoint.pk)
    assert outcome(replay) == ("completed", 0, 0, 0, 0)  # there is nothing to do


def test_all_sends_everything_of_the_window_again(app: App) -> None:
    (missed,) = undelivered(app)
    endpoint = make_endpoint(app, "order.paid")
    again = [row for status in ("failed", "succeeded", "canceled") for row in make_failed(endpoint, status=status)]
    later = timezone.now() + DAY
    again += make_failed(endpoint, status="pending", due_at=later)
    due = make_failed(endpoint, status="pending", turn=Turn.FRESH)
    sending = make_failed(endpoint, status="sending")

    replay = start(app, ReplayKind.ALL, endpoint_id=endpoint.pk)
    work()

    assert outcome(replay) == ("completed", 7, 4, 1, 2)
    made = Delivery.objects.get(event=missed)
    assert [row for row in pending() if row not in due] == [made, *again]
    assert {row.turn for row in [made, *Delivery.objects.filter(pk__in=[row.pk for row in again])]} == {Turn.RETRY}
    for row in [*due, *sending]:  # the first attempt keeps its place before retries
        was = vars(row).copy()
        row.refresh_from_db()
        assert {name: getattr(row, name) for name in ("status", "turn", "due_at")} == {
            name: was[name] for name in ("status", "turn", "due_at")
        }


@pytest.mark.parametrize("kind", [ReplayKind.MISSING, ReplayKind.ALL])
def test_window_and_type_are_of_the_events(app: App, kind: ReplayKind) -> None:
    now = timezone.now()
    minute = dt.timedelta(minutes=1)
    moments = [now - number * minute for number in (5, 4, 3, 2)]
    events = [undelivered(app, created_at=moment)[0] for moment in moments]
    undelivered(app, type="order.sent", created_at=moments[1])
    endpoint = make_endpoint(app)
    window: dict[str, Any] = {"after": moments[0], "before": moments[3], "event_type": "order.paid"}
    replay = start(app, kind, endpoint_id=endpoint.pk, **window)
    work()
    assert outcome(replay) == ("completed", 2, 0, 2, 0)
    assert [row.event for row in pending()] == events[1:3]


def test_an_organizations_endpoint_misses_its_own_events_alone(app: App) -> None:
    mine, others = make_organization(app, "Acme"), make_organization(app, "Globex")
    (wanted,) = undelivered(app, organization=mine)
    undelivered(app, organization=others)
    undelivered(app)
    endpoint = make_endpoint(app)
    Endpoint.objects.filter(pk=endpoint.pk).update(organization=mine)
    start(app, ReplayKind.MISSING, endpoint_id=endpoint.pk)
    work()
    assert [row.event for row in pending()] == [wanted]


@pytest.mark.parametrize("kind", [ReplayKind.MISSING, ReplayKind.ALL])
def test_events_about_the_endpoint_itself_are_never_sent_to_it(app: App, kind: ReplayKind) -> None:
    """S40: nor without being asked for by name, nor are test sends."""
    type = "webhook.endpoint.updated"
    endpoint, other, everything = make_endpoint(app, "webhook.*"), make_endpoint(app, "webhook.*"), make_endpoint(app)
    about = undelivered(app, 1, type)[0]
    Event.objects.filter(pk=about.pk).update(about_endpoint_id=endpoint.pk)
    send_test(other, type, ACTOR)
    Delivery.objects.all().delete()
    for one in (endpoint, other, everything):
        start(app, kind, endpoint_id=one.pk)
    work()
    assert [(row.endpoint, row.event) for row in pending()] == [(other, about)]


def test_what_fan_out_is_still_to_make_is_left_to_it(app: App) -> None:
    """Else it would go out as a retry; what was emitted before the endpoint was made is never made by it."""
    (before,) = make_events(app)
    endpoint = make_endpoint(app)
    Endpoint.objects.filter(pk=endpoint.pk).update(created_at=timezone.now())
    (since,) = make_events(app)
    replay = start(app, ReplayKind.MISSING, endpoint_id=endpoint.pk)
    work()
    assert outcome(replay) == ("completed", 1, 0, 1, 0)
    while statements().fan_out(10):
        pass
    made = Delivery.objects.order_by("turn").values_list("event", "turn")
    assert list(made) == [(since.pk, Turn.FRESH), (before.pk, Turn.RETRY)]


def test_subscriptions_are_found_as_patterns_match(app: App) -> None:
    parts = ["a", "ab", "a_b", "webhook", "b"]
    dice = random.Random(7)
    names = {".".join(dice.choices(parts, k=dice.randint(2, 4))) for _ in range(60)}
    now = timezone.now()
    Event.objects.bulk_create(
        Event(app=app, environment="live", type=name, payload="{}", occurred_at=now, created_at=now, dispatched_at=now)
        for name in names
    )
    for _ in range(40):
        patterns = [
            *dice.sample(sorted(names), 2),
            ".".join(dice.choices(parts, k=2)) + ".*",
            dice.choice(parts) + ".*",
        ]
        patterns = dice.sample([*patterns, "*"], dice.randint(1, 5))
        found = matching_events(make_endpoint(app, *patterns), ReplayKind.MISSING, DeliveryFilter())
        assert {event.type for event in found} == {name for name in names if matches(patterns, name)}, patterns
