"""The hot statements behave the same on PostgreSQL and on SQLite: the suite runs this file on both."""

import datetime as dt
import threading
from collections import Counter
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from deliveries.engine.statements import statements
from deliveries.models import Attempt, Delivery, Lane, Turn
from events.catalog.patterns import patterns_matching
from events.models import Event
from tests.deliveries.engine.rows import failed, make_app, make_due, make_endpoint, make_events, succeeded
from webhooks.models import Organization

pytestmark = pytest.mark.django_db(transaction=True)


def pairs() -> set[tuple[object, object]]:
    return set(Delivery.objects.values_list("event_id", "endpoint_id"))


def test_fan_out_makes_one_delivery_for_each_subscribed_endpoint_and_wakes_its_lane() -> None:
    app = make_app("order.paid", "order.line.added", "user.created")
    exact, family, everything = (make_endpoint(app, p) for p in ("order.paid", "order.*", "*"))
    deeper, other = make_endpoint(app, "order.line.*"), make_endpoint(app, "user.created")
    (paid,) = make_events(app)
    (line,) = make_events(app, type="order.line.added")

    assert statements().fan_out(100) == 2

    assert pairs() == {
        *((paid.id, endpoint.id) for endpoint in (exact, family, everything)),
        *((line.id, endpoint.id) for endpoint in (family, deeper, everything)),
    }
    assert set(Delivery.objects.values_list("status", "attempt_count", "event_type", "environment", "test")) == {
        ("pending", 0, "order.paid", "live", False),
        ("pending", 0, "order.line.added", "live", False),
    }
    awake = set(Lane.objects.filter(first_wake_at__lte=timezone.now(), seq__gte=1).values_list("pk", flat=True))
    assert awake == {exact.id, family.id, everything.id, deeper.id}
    assert Lane.objects.get(pk=other.id).first_wake_at is None
    assert not Event.objects.filter(dispatched_at=None).exists()
    assert statements().fan_out(100) == 0


@pytest.mark.parametrize("name", ["a.b", "a.b.c", "a_1.b.c.d.e", "webhook.endpoint.created", "webhook.test"])
def test_fan_out_matches_the_patterns_that_the_catalog_says_match(name: str) -> None:
    app = make_app()
    candidates = ["*", "a.*", "a.b", "a.b.*", "a.b.c", "a_1.*", "a_1.b.c.d.*", "webhook.*", name, f"{name}.*"]
    by_pattern = {pattern: make_endpoint(app, pattern) for pattern in dict.fromkeys(candidates)}
    Event.objects.create(
        app=app, environment="live", type=name, payload="{}", occurred_at=timezone.now(), created_at=timezone.now()
    )

    statements().fan_out(100)

    got = {e for e in by_pattern if Delivery.objects.filter(endpoint=by_pattern[e]).exists()}
    assert got == set(patterns_matching(name)) & set(by_pattern)


def test_fan_out_keeps_apps_environments_organizations_and_newer_or_deleted_endpoints_apart() -> None:
    """S33; an event goes to the endpoints that existed when it was emitted (product.md section 4)."""
    app, stranger = make_app(), make_app()
    organization = Organization.objects.create(app=app, name="Acme", slug="acme")
    mine = make_endpoint(app)
    make_endpoint(stranger)
    make_endpoint(app, environment="test")
    of_organization = make_endpoint(app)
    of_organization.organization = organization
    of_organization.save()
    deleted = make_endpoint(app)
    deleted.deleted_at = timezone.now()
    deleted.save()
    newer = make_endpoint(app)
    newer.created_at = timezone.now() + dt.timedelta(minutes=1)
    newer.save()
    (event,) = make_events(app)

    statements().fan_out(100)

    assert pairs() == {(event.id, mine.id)}
    Event.objects.update(organization=organization, dispatched_at=None)
    statements().fan_out(100)
    assert pairs() == {(event.id, mine.id), (event.id, of_organization.id)}


def test_fan_out_takes_no_more_events_than_asked_oldest_first() -> None:
    app = make_app()
    make_endpoint(app)
    events = make_events(app, 3)

    assert statements().fan_out(2) == 2

    assert {event_id for event_id, _ in pairs()} == {events[0].id, events[1].id}


def test_a_claim_leases_due_deliveries_and_says_what_is_needed_to_send_them() -> None:
    app = make_app()
    endpoint = make_endpoint(app)
    events = make_events(app, 2)
    statements().fan_out(100)

    claimed = statements().claim(10, 25)

    assert sorted(claim.event_id for claim in claimed) == [event.id for event in events]
    first = claimed[0]
    event = Event.objects.get(pk=first.event_id)
    assert (first.endpoint_id, first.endpoint_version, first.app_id) == (endpoint.id, 1, app.id)
    assert (first.attempt_count, first.schedule_position, first.event_type) == (0, 0, "order.paid")
    assert first.payload == event.payload
    row = Delivery.objects.get(pk=first.delivery_id)
    assert (row.status, row.due_at, row.lease) == ("sending", None, first.lease)
    assert row.leased_until is not None
    assert row.last_attempt_at is not None
    assert row.leased_until - row.last_attempt_at == dt.timedelta(seconds=25)
    lane = Lane.objects.get()
    assert (lane.in_flight, lane.first_wake_at) == (2, None)
    assert statements().claim(10, 25) == []


def test_a_claim_takes_no_more_than_asked_nor_than_the_lane_has_room() -> None:
    app = make_app()
    make_endpoint(app, cap=3)
    make_events(app, 5)
    statements().fan_out(100)

    first = statements().claim(2, 25)
    second = statements().claim(100, 25)
    third = statements().claim(100, 25)

    assert (len(first), len(second), len(third)) == (2, 1, 0)
    assert Lane.objects.get().in_flight == 3
    statements().finish([succeeded(claim) for claim in first])
    assert len(statements().claim(100, 25)) == 2
    assert Counter(Delivery.objects.values_list("status", flat=True)) == {"sending": 3, "succeeded": 2}


def test_a_claim_shares_its_room_between_lanes() -> None:
    app = make_app()
    endpoints = [make_endpoint(app) for _ in range(4)]
    make_events(app, 10)
    statements().fan_out(100)

    claimed = statements().claim(8, 25)

    assert Counter(claim.endpoint_id for claim in claimed) == {endpoint.id: 2 for endpoint in endpoints}


def test_a_lane_is_looked_at_again_when_its_next_delivery_is_due() -> None:
    app = make_app()
    make_endpoint(app)
    make_events(app, 2)
    statements().fan_out(100)
    later = timezone.now() + dt.timedelta(hours=1)
    waiting = Delivery.objects.first()
    assert waiting is not None
    Delivery.objects.filter(pk=waiting.pk).update(due_at=later)

    claimed = statements().claim(10, 25)

    assert [claim.delivery_id for claim in claimed] == [Delivery.objects.exclude(pk=waiting.pk).get().pk]
    assert Lane.objects.get().first_wake_at == later


def test_on_a_held_lane_only_test_sends_go_out() -> None:
    app = make_app()
    make_endpoint(app, held=True)
    make_events(app, 2)
    statements().fan_out(100)
    test_send = Delivery.objects.order_by("id").last()
    assert test_send is not None
    Delivery.objects.filter(pk=test_send.pk).update(test=True, turn=Turn.URGENT)
    Lane.objects.update(urgent_from=test_send.due_at)

    claimed = statements().claim(10, 25)

    assert [claim.delivery_id for claim in claimed] == [test_send.pk]
    assert Lane.objects.get().first_wake_at is None


def test_a_closed_lane_is_never_claimed_and_the_sweep_cancels_what_waits_there() -> None:
    app = make_app()
    make_endpoint(app, closed=True)
    make_events(app, 2)
    statements().fan_out(100)

    assert statements().claim(10, 25) == []
    assert statements().cancel_closed() == 2
    assert set(Delivery.objects.values_list("status", "due_at")) == {("canceled", None)}
    assert statements().cancel_closed() == 0


def test_a_rate_lets_so_many_deliveries_go_and_wakes_the_lane_when_the_next_token_is_there() -> None:
    app = make_app()
    make_endpoint(app, rate=2)
    make_events(app, 5)
    statements().fan_out(100)

    before = timezone.now()
    assert len(statements().claim(10, 25)) == 2
    assert statements().claim(10, 25) == []

    lane = Lane.objects.get()
    assert lane.first_wake_at is not None
    assert 0.4 <= (lane.first_wake_at - before).total_seconds() <= 1.5
    Lane.objects.update(paced_until=None, tokens_at=before - dt.timedelta(milliseconds=500))
    assert len(statements().claim(10, 25)) == 1


def test_a_success_ends_the_delivery_with_its_attempt_and_the_lanes_facts() -> None:
    app = make_app()
    endpoint = make_endpoint(app, failing_since=timezone.now())
    make_events(app)
    statements().fan_out(100)
    (claim,) = statements().claim(10, 25)

    (lane_report,) = statements().finish([succeeded(claim)])

    assert (lane_report.endpoint_id, lane_report.finished, lane_report.failing_since) == (endpoint.id, 1, None)
    row = Delivery.objects.get()
    assert (row.status, row.attempt_count, row.lease, row.leased_until, row.due_at) == (
        "succeeded",
        1,
        None,
        None,
        None,
    )
    assert (row.response_status, row.error_code, row.error) == (200, "", "")
    attempt = Attempt.objects.get()
    assert (attempt.delivery_id, attempt.number, attempt.status, attempt.duration_ms) == (row.id, 1, "succeeded", 12)
    assert (attempt.response_headers, attempt.response_body) == ([["x-a", "b"]], "body")
    lane = Lane.objects.get()
    assert (lane.in_flight, lane.failing_since, lane.last_exhausted_at) == (0, None, None)
    assert lane.last_success_at is not None
    assert lane.last_test_success_at is None


def test_a_failure_waits_for_its_retry_and_the_last_one_ends_failed() -> None:
    app = make_app()
    make_endpoint(app)
    make_events(app)
    statements().fan_out(100)
    (claim,) = statements().claim(10, 25)

    before = timezone.now()
    statements().finish([failed(claim, retry_in=60)])

    row = Delivery.objects.get()
    assert (row.status, row.attempt_count, row.schedule_position) == ("pending", 1, 1)
    assert (row.response_status, row.error_code, row.error) == (500, "http_status", "It said 500.")
    assert row.due_at is not None
    assert 59 <= (row.due_at - before).total_seconds() <= 62
    lane = Lane.objects.get()
    assert lane.retry_wake_at == row.due_at
    assert lane.failing_since is not None
    since = lane.failing_since
    assert statements().claim(10, 25) == []

    make_due(Delivery.objects.all())
    (again,) = statements().claim(10, 25)
    assert (again.attempt_count, again.schedule_position, again.event_id) == (1, 1, claim.event_id)
    statements().finish([failed(again, retry_in=None)])

    ended = Delivery.objects.get()
    assert (ended.status, ended.attempt_count, ended.due_at) == ("failed", 2, None)
    assert list(Attempt.objects.order_by("number").values_list("number", "status")) == [(1, "failed"), (2, "failed")]
    lane = Lane.objects.get()
    assert (lane.in_flight, lane.failing_since, lane.retry_wake_at) == (0, since, None)
    assert lane.last_exhausted_at is not None


def test_a_worker_that_lost_its_lease_records_nothing() -> None:
    """S43: the lease's token guards the finish."""
    app = make_app()
    make_endpoint(app)
    make_events(app)
    statements().fan_out(100)
    (claim,) = statements().claim(10, 25)
    statements().finish([failed(claim, retry_in=0)])
    make_due(Delivery.objects.all())
    (again,) = statements().claim(10, 25)

    assert statements().finish([succeeded(claim)]) == []

    row = Delivery.objects.get()
    assert (row.status, row.lease, row.attempt_count) == ("sending", again.lease, 1)
    assert Attempt.objects.count() == 1
    assert Lane.objects.get().in_flight == 1


def test_expired_finds_leases_that_ran_out_and_no_others() -> None:
    app = make_app()
    make_endpoint(app)
    make_events(app, 2)
    statements().fan_out(100)
    claims = statements().claim(10, 25)
    assert statements().expired(10) == []

    Delivery.objects.filter(pk=claims[0].delivery_id).update(leased_until=timezone.now() - dt.timedelta(seconds=1))

    (expired,) = statements().expired(10)
    assert (expired.delivery_id, expired.lease, expired.lost_count) == (claims[0].delivery_id, claims[0].lease, 0)


def test_claims_side_by_side_never_lease_a_delivery_twice_and_leak_no_slot() -> None:
    """Four workers claim and finish one backlog on few lanes while events are dispatched (trap 1 of the engine)."""
    app = make_app()
    for _ in range(3):
        make_endpoint(app, cap=10)
    make_events(app, 200)
    claims: list[list[object]] = [[] for _ in range(4)]
    problems: list[Exception] = []

    def work(mine: list[object]) -> None:
        try:
            hot = statements()
            idle = 0
            while idle < 50:
                hot.fan_out(20)
                claimed = hot.claim(16, 25)
                mine += [claim.delivery_id for claim in claimed]
                if claimed:
                    hot.finish([succeeded(claim) for claim in claimed])
                idle = 0 if claimed else idle + 1
        except Exception as problem:  # noqa: BLE001 (told to the test below)
            problems.append(problem)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(mine,)) for mine in claims]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert problems == []
    together = [delivery for mine in claims for delivery in mine]
    assert len(together) == len(set(together)) == 600
    assert Counter(Delivery.objects.values_list("status", "attempt_count")) == {("succeeded", 1): 600}
    assert set(Lane.objects.values_list("in_flight", flat=True)) == {0}


@pytest.mark.postgresql
def test_the_plans_of_claim_and_finish_read_no_history() -> None:
    """A sequential scan of deliveries or attempts would make each delivery cost more as history grows."""
    from deliveries.engine.statements.postgresql import claim_values, finish_values, hot_cursor
    from deliveries.engine.statements.postgresql_claim import CLAIM
    from deliveries.engine.statements.postgresql_fan_out import FAN_OUT
    from deliveries.engine.statements.postgresql_finish import FINISH

    app = make_app()
    make_endpoint(app)
    make_events(app, 3)
    hot = statements()
    hot.prepare_connection()
    hot.fan_out(100)
    (claim, *_) = hot.claim(1, 25)
    hot_statements: list[tuple[str, Any]] = [
        (CLAIM, claim_values(100, claim.lease, 25, [], 100, 25, claim.app_id)),
        (FINISH, finish_values([succeeded(claim)])),
        (FAN_OUT, {"events": 100, "deliveries": 1000, "after_app": claim.app_id}),
    ]
    with hot_cursor(connection.connection) as cursor:
        for statement, parameters in hot_statements:
            cursor.execute("explain " + statement, parameters)
            plan = "\n".join(row[0] for row in cursor.fetchall())
            for table in ("deliveries_delivery", "deliveries_attempt", "events_event"):
                assert f"Seq Scan on {table}" not in plan, plan
