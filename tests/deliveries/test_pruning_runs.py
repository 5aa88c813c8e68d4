"""Runs of pruning: batches, the task's turns, the command, and the vacuum after them."""

import json
import os
import signal
import uuid
from io import StringIO
from unittest.mock import patch

import pytest
from celery.schedules import crontab
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from deliveries import retention, tasks, worker_turn
from deliveries.endpoints import delete_endpoint
from deliveries.engine.statements import statements
from deliveries.engine.sweep import work_waits
from deliveries.models import Delivery, DeliveryStatus
from deliveries.retention import Pruned
from events.models import Event
from switera_webhooks.celery import PRUNE_TASK
from switera_webhooks.celery import app as celery_app
from tests.deliveries.engine.rows import failed, make_app, make_due, make_endpoint, make_events
from tests.deliveries.pruning import DAY, counts, deliver, moment, prune
from tests.factories import ACTOR, make_delivery
from webhooks.models import App, Endpoint

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _thirty_days(settings: Settings) -> None:
    settings.WEBHOOKS_RETENTION_DAYS = 30


@pytest.fixture
def app() -> App:
    return make_app()


# Batches -------------------------------------------------------------------------------------------


@pytest.fixture
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "EVENTS_AT_ONCE", 3)
    monkeypatch.setattr(retention, "DELIVERIES_AT_ONCE", 4)
    monkeypatch.setattr(retention, "ENDPOINTS_AT_ONCE", 2)


@pytest.mark.usefixtures("_small_batches")
@pytest.mark.parametrize("endpoints", [0, 1, 2, 4, 5, 9])
def test_any_number_of_deliveries_an_event_goes_in_as_many_batches_as_it_takes(app: App, endpoints: int) -> None:
    made = [make_endpoint(app) for _ in range(endpoints)]
    make_events(app, 7)
    assert deliver() == 7 * endpoints
    for endpoint in made:
        delete_endpoint(endpoint, ACTOR)
    assert prune() == Pruned(7, 7 * endpoints, 7 * endpoints, endpoints)
    assert (counts(), Endpoint.objects.count()) == ((0, 0, 0), 0)


@pytest.mark.usefixtures("_small_batches")
def test_a_batch_of_what_stays_does_not_stop_the_run(app: App) -> None:
    endpoints = [make_endpoint(app) for _ in range(5)]
    first = make_events(app)[0]
    for endpoint in endpoints:
        make_delivery(first, endpoint, DeliveryStatus.SENDING)
    make_delivery(first, make_endpoint(app), DeliveryStatus.FAILED)
    Event.objects.filter(pk=first.pk).update(dispatched_at=timezone.now())
    make_events(app, 8)
    assert prune() == Pruned(events=8, deliveries=1)
    assert counts() == (1, 5, 0)


@pytest.mark.usefixtures("_small_batches")
def test_a_run_that_has_enough_ends_after_its_batch_and_the_next_one_goes_on(app: App) -> None:
    delete_endpoint(make_endpoint(app), ACTOR)
    make_events(app, 7)
    then = moment()
    assert prune(then, lambda: True) == Pruned(events=3, more=True)
    assert prune(then, lambda: True) == Pruned(events=3, more=True)
    assert prune(then) == Pruned(events=1, endpoints=1)
    assert prune(then, lambda: True) == Pruned()


# The task ------------------------------------------------------------------------------------------


def test_the_nightly_task_is_in_the_schedule() -> None:
    entry = celery_app.conf.beat_schedule["prune"]
    assert (entry["task"], entry["schedule"]) == (PRUNE_TASK, crontab(hour="3", minute="17"))
    assert entry["task"] == tasks.prune.name


@pytest.mark.usefixtures("_small_batches")
def test_a_turn_ends_when_its_time_is_over_and_asks_for_another(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    make_events(app, 4)
    day = moment() + 30 * DAY
    monkeypatch.setattr(retention, "database_now", lambda: day)
    monkeypatch.setattr(worker_turn, "TURN_SECONDS", 0.0)
    asked: list[object] = []
    monkeypatch.setattr(tasks.prune, "apply_async", lambda **options: asked.append(options))
    tasks.prune()
    assert (Event.objects.count(), asked) == (1, [{"expires": 3600}])
    tasks.prune()
    assert (Event.objects.count(), asked) == (0, [{"expires": 3600}, {"expires": 3600}])
    tasks.prune()
    assert (Event.objects.count(), len(asked)) == (0, 2)


@pytest.mark.usefixtures("_small_batches")
def test_a_turn_ends_early_where_something_due_waits(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    make_endpoint(app)
    make_events(app, 4)
    day = moment() + 30 * DAY
    monkeypatch.setattr(retention, "database_now", lambda: day)
    monkeypatch.setattr(worker_turn, "WAITED_SECONDS", 0.0)
    assert retention.prune_in_turn() == Pruned(events=3, more=True)
    statements().fan_out(10)
    statements().claim(10, 25.0)
    assert retention.prune_in_turn() == Pruned()


def test_work_waits_when_a_lane_or_an_event_has_been_due_for_so_long(app: App) -> None:
    make_endpoint(app)
    assert not work_waits(0.0)
    make_events(app)
    assert (work_waits(0.0), work_waits(60.0)) == (True, False)
    statements().fan_out(10)
    assert (work_waits(0.0), work_waits(60.0)) == (True, False)
    (claim,) = statements().claim(10, 25.0)
    assert not work_waits(0.0)
    statements().finish([failed(claim, retry_in=3600)])
    assert not work_waits(0.0)
    make_due(Delivery.objects.all())
    assert (work_waits(0.0), work_waits(60.0)) == (True, False)


# The command ---------------------------------------------------------------------------------------


def _command(*arguments: str) -> str:
    out = StringIO()
    call_command("prune_history", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_says_what_went(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _command() == (
        "Deleted 0 events, 0 deliveries, 0 attempts, 0 endpoints and 0 replays, older than 30 days.\n"
    )
    make_endpoint(app)
    make_events(app)
    deliver()
    day = moment() + 30 * DAY
    monkeypatch.setattr(retention, "database_now", lambda: day)
    assert _command() == "Deleted 1 event, 1 delivery, 1 attempt, 0 endpoints and 0 replays, older than 30 days.\n"
    assert json.loads(_command("--json")) == {
        "events": 0,
        "deliveries": 0,
        "attempts": 0,
        "endpoints": 0,
        "replays": 0,
        "more": False,
    }


@pytest.mark.usefixtures("_small_batches")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_ends_after_the_batch_at_hand_when_it_is_told_to(
    app: App, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    make_events(app, 4)
    day = moment() + 30 * DAY
    monkeypatch.setattr(retention, "database_now", lambda: day)
    inner = retention._lock_lanes

    def told_to_stop(endpoints: set[uuid.UUID]) -> list[uuid.UUID]:
        os.kill(os.getpid(), number)
        return inner(endpoints)

    before = signal.getsignal(number)
    with patch("deliveries.retention._lock_lanes", told_to_stop):
        assert _command() == (
            "Deleted 3 events, 0 deliveries, 0 attempts, 0 endpoints and 0 replays, older than 30 days. "
            "There is more: run it again.\n"
        )
    assert (Event.objects.count(), signal.getsignal(number)) == (1, before)


# Vacuum --------------------------------------------------------------------------------------------


@pytest.mark.postgresql
@pytest.mark.parametrize("table", ["events_event", "deliveries_delivery", "deliveries_attempt"])
def test_tables_that_grow_are_vacuumed_in_small_steps(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select reloptions from pg_class where oid = %s::regclass", [table])
        (options,) = cursor.fetchone()
    assert sorted(options) == [
        "autovacuum_analyze_scale_factor=0.02",
        "autovacuum_vacuum_insert_scale_factor=0.01",
        "autovacuum_vacuum_insert_threshold=10000",
        "autovacuum_vacuum_scale_factor=0.01",
        "autovacuum_vacuum_threshold=10000",
    ]
