"""Runs of counting: catching up, pruning, and the task."""

import datetime as dt
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from deliveries import tally, tasks
from deliveries.models import (
    AppTally,
    Delivery,
    EndpointTally,
    EventTypeTally,
    FailureTally,
    TallyProgress,
)
from deliveries.retention import Pruned, prune_history
from deliveries.tally import TALLIES, bucket_start, counted_until, prune_tallies
from events.models import Event
from switera_webhooks.celery import TALLY_TASK
from switera_webhooks.celery import app as celery_app
from tests.deliveries.traffic import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    at,
    attempts_counted,
    clock,
    count,
    fail_at,
    make_delivery_at,
    slices,
    succeed_at,
)
from tests.factories import make_app, make_endpoint
from webhooks.models import Endpoint

pytestmark = pytest.mark.django_db


@pytest.fixture
def endpoint() -> Endpoint:
    return make_endpoint(make_app().app)


# Catching up ---------------------------------------------------------------------------------------


def test_after_days_without_a_scheduler_all_is_counted_in_pieces(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "ATTEMPTS_AT_ONCE", 2)
    count(NOW - 3 * DAY)
    delivery = make_delivery_at(endpoint, NOW - 2 * DAY)
    for number in range(1, 8):
        succeed_at(delivery, at("09:00") - DAY + number * 20 * SECOND, number=number)
    ends: list[dt.datetime | None] = []
    while count(NOW, lambda: True):
        ends.append(counted_until())
    begun = ends.index(at("09:00") - DAY)
    # The third attempt is at 9:01:00: what comes before it is two. A minute at least: three of them are in the next.
    assert [end and end.time() for end in ends[begun + 1 : begun + 5]] == [
        dt.time(9, 1),
        dt.time(9, 2),
        dt.time(9, 30),
        dt.time(10, 0),
    ]
    # Half hours, then what is not settled yet.
    assert (ends[-1], counted_until()) == (at("12:07:20"), at("12:07:20"))
    assert attempts_counted() == [(0, 0), (7, 0)]
    assert slices() == 0


def test_the_first_time_counting_begins_with_the_oldest_event_or_what_pages_show(endpoint: Endpoint) -> None:
    count()
    progress = TallyProgress.objects.get()
    assert (progress.settled_until, progress.counted_until) == (at("12:02:00"), at("12:07:20"))

    for days in (2, 20):
        TallyProgress.objects.all().delete()
        succeed_at(make_delivery_at(endpoint, NOW - days * DAY), NOW - days * DAY)
        assert count(NOW, lambda: True)
        # The first piece is half an hour.
        assert counted_until() == at("12:30") - min(days, 15) * DAY


def test_nothing_is_told_before_counting_began() -> None:
    assert counted_until() is None


def test_a_piece_costs_the_same_however_much_it_holds(endpoint: Endpoint) -> None:
    def statements(moment: dt.datetime) -> int:
        with CaptureQueriesContext(connection) as queries:
            count(moment, lambda: True)
        return len(queries)

    count(at("12:00:00"))
    for number in range(3):
        fail_at(make_delivery_at(endpoint, at(f"12:01:0{number}")), at(f"12:01:0{number}"))
    others = [make_endpoint(endpoint.app) for _ in range(3)]
    for number in range(30):
        one = others[number % 3]
        delivery = make_delivery_at(one, at("12:01:12"), type=f"order.number{number}")
        fail_at(delivery, at("12:01:13"), ms=number * 100, response_status=500 + number)
    while counted_until() != at("12:01:00"):
        count(at("12:01:40"), lambda: True)
    few, many = statements(at("12:01:40")), statements(at("12:01:40"))
    # Where reads are in a transaction of their own, three more.
    expected = 14 if connection.vendor == "postgresql" else 11
    assert (few, many, counted_until()) == (expected, expected, at("12:01:20"))


# Going away ----------------------------------------------------------------------------------------


def make_old(endpoint: Endpoint) -> None:
    """A row of each kind for each of these ages, in the order in which they come to be."""
    fail_at(make_delivery_at(endpoint, NOW), NOW)
    count(NOW + MINUTE)
    for model in TALLIES:
        row = model._default_manager.get()
        row.delete()
        for days in (16, 14, 3, 1):
            row.pk, row.start, row.slice = None, bucket_start(NOW, HOUR) - days * DAY, 0
            row.save(force_insert=True)


def ages() -> list[list[int]]:
    """Of the rows of each kind, in days."""
    return [[(NOW - row.start).days for row in model._default_manager.order_by("start")] for model in TALLIES]


def test_what_no_page_shows_any_more_is_pruned(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "ROWS_AT_ONCE", 1)
    make_old(endpoint)
    assert ages() == [[16, 14, 3, 1]] * 4
    with clock(NOW):
        assert prune_tallies(lambda: True)
        assert ages() == [[14, 3, 1]] + [[16, 14, 3, 1]] * 3
        assert not prune_tallies()
    assert ages() == [[14, 3, 1], [14, 3, 1], [1], [1]]


def test_the_nightly_run_prunes_tallies_too(endpoint: Endpoint, settings: Settings) -> None:
    settings.WEBHOOKS_RETENTION_DAYS = 10_000
    make_old(endpoint)
    with clock(NOW):
        assert prune_history() == Pruned()
    assert ages() == [[14, 3, 1], [14, 3, 1], [1], [1]]


@pytest.mark.parametrize("what", [lambda one: one, lambda one: one.app])
def test_tallies_go_with_their_endpoint_or_app(endpoint: Endpoint, what: Callable[[Endpoint], Any]) -> None:
    """S32."""
    other = make_endpoint(make_app("Other").app)
    for one in (endpoint, other):
        fail_at(make_delivery_at(one, at("12:00")), at("12:00:01"))
    count()
    Delivery.objects.filter(endpoint=endpoint).delete()
    Event.objects.filter(app=endpoint.app).delete()
    gone = what(endpoint)
    gone.delete()
    left = [endpoint.app_id] if gone is endpoint else []
    assert {row.endpoint_id for row in EndpointTally.objects.all()} == {other.pk}
    assert {row.endpoint_id for row in FailureTally.objects.all()} == {other.pk}
    assert {row.app_id for row in AppTally.objects.all()} == {other.app_id, *left}
    assert {row.app_id for row in EventTypeTally.objects.all()} == {other.app_id, *left}


# The task ------------------------------------------------------------------------------------------


def test_the_task_is_in_the_schedule_and_counts(endpoint: Endpoint) -> None:
    entry = celery_app.conf.beat_schedule["tally"]
    assert (entry["task"], entry["schedule"], entry["options"]) == (TALLY_TASK, 10.0, {"expires": 10})
    assert entry["task"] == tasks.tally.name
    succeed_at(make_delivery_at(endpoint, NOW - HOUR), NOW - HOUR)
    with clock(NOW):
        tasks.tally()
    assert attempts_counted() == [(1, 0)]


@pytest.mark.django_db(transaction=True)
def test_the_task_goes_on_where_its_connection_was_lost(endpoint: Endpoint) -> None:
    succeed_at(make_delivery_at(endpoint, NOW - HOUR), NOW - HOUR)
    inner = tally._save
    lost = [OperationalError("gone")]

    def loses_one(*arguments: Any, **options: Any) -> None:
        if lost:
            raise lost.pop()
        inner(*arguments, **options)

    with clock(NOW), patch("deliveries.tally._save", loses_one):
        tasks.tally()
    assert (lost, attempts_counted()) == ([], [(1, 0)])
