"""Retention: what is old goes, whole and in small batches; what is young, or being sent, stays."""

import datetime as dt
import json
import os
import signal
import threading
import uuid
from collections.abc import Callable
from io import StringIO
from unittest.mock import patch

import pytest
from celery.schedules import crontab
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.utils import timezone
from pytest_django import Settings

from deliveries import retention, tasks
from deliveries.delivery_actions import retry_delivery
from deliveries.endpoints import delete_endpoint, disable_endpoint, enable_endpoint
from deliveries.engine.statements import statements
from deliveries.engine.sweep import work_waits
from deliveries.locking import lock_lane
from deliveries.models import Attempt, Delivery, DeliveryStatus, Lane
from deliveries.retention import Pruned, first_id_at, prune_history
from events.emit import emit
from events.models import Event
from switera_webhooks.celery import PRUNE_TASK
from switera_webhooks.celery import app as celery_app
from switera_webhooks.database import database_now
from switera_webhooks.ids import new_id
from tests.deliveries.engine.rows import failed, make_app, make_due, make_endpoint, make_events, succeeded
from tests.factories import ACTOR, make_attempt, make_delivery
from webhooks.audit import SYSTEM
from webhooks.models import App, AuditEntry, DisabledReason, Endpoint, EndpointSecret

pytestmark = pytest.mark.django_db(transaction=True)

DAY = dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def _thirty_days(settings: Settings) -> None:
    settings.WEBHOOKS_RETENTION_DAYS = 30


@pytest.fixture
def app() -> App:
    return make_app()


def _moment() -> dt.datetime:
    """Now, by the database's clock: what was made before is older than it by id too, what is made later is not."""
    before = database_now()
    moment = before + dt.timedelta(milliseconds=2)
    while database_now() < moment:
        pass
    return moment


def _prune(moment: dt.datetime | None = None, enough: Callable[[], bool] = lambda: False) -> Pruned:
    """prune_history on the day when retention ends for what was made before the moment (now, unless given)."""
    day = (moment or _moment()) + 30 * DAY
    with patch("deliveries.retention.database_now", lambda: day):
        return prune_history(enough)


def _counts() -> tuple[int, int, int]:
    """Events, deliveries and attempts that there are."""
    return Event.objects.count(), Delivery.objects.count(), Attempt.objects.count()


def _deliver() -> int:
    """Dispatch and deliver what is due, successfully."""
    while statements().fan_out(100):
        pass
    delivered = 0
    while claimed := statements().claim(100, 25.0):
        statements().finish([succeeded(claim) for claim in claimed])
        delivered += len(claimed)
    return delivered


# What goes and what stays --------------------------------------------------------------------------


def test_what_is_old_goes_and_what_is_younger_stays(app: App) -> None:
    make_endpoint(app)
    make_endpoint(app)
    make_events(app, 3)
    assert _deliver() == 6
    moment = _moment()
    young = make_events(app, 2)
    assert _deliver() == 4
    assert _prune(moment - dt.timedelta(days=1)) == Pruned()

    assert _prune(moment) == Pruned(events=3, deliveries=6, attempts=6)
    assert {event.pk for event in Event.objects.all()} == {event.pk for event in young}
    assert _counts() == (2, 4, 4)
    assert (Endpoint.objects.count(), Lane.objects.count()) == (2, 2)
    assert _prune(moment) == Pruned()


def test_by_the_real_clock_nothing_of_today_goes(app: App) -> None:
    make_endpoint(app)
    make_events(app)
    _deliver()
    assert prune_history() == Pruned()
    assert _counts() == (1, 1, 1)


@pytest.mark.parametrize("status", ["pending", "succeeded", "failed", "canceled"])
def test_every_state_but_sending_goes_with_all_its_attempts(app: App, status: str) -> None:
    endpoint = make_endpoint(app)
    delivery = make_delivery(make_events(app)[0], endpoint, status)
    make_attempt(delivery, 1)
    make_attempt(delivery, 2)
    assert _prune() == Pruned(events=1, deliveries=1, attempts=2)
    assert _counts() == (0, 0, 0)


def test_events_without_deliveries_and_not_yet_dispatched_ones_go_too(app: App) -> None:
    make_events(app, 2)
    statements().fan_out(1)
    assert _prune() == Pruned(events=2)
    assert _counts() == (0, 0, 0)


def test_what_is_being_sent_stays_with_its_event_until_a_later_run(app: App) -> None:
    first, second = make_endpoint(app), make_endpoint(app)
    make_events(app, 2)
    statements().fan_out(10)
    (claim,) = statements().claim(1, 25.0)

    # The other delivery of the event goes.
    assert _prune() == Pruned(events=1, deliveries=3)
    assert Delivery.objects.get().pk == claim.delivery_id
    assert Event.objects.get().pk == Delivery.objects.get().event_id
    assert {lane.in_flight for lane in Lane.objects.all()} == {0, 1}

    # The worker's result is recorded as if nothing had been.
    assert [lane.finished for lane in statements().finish([succeeded(claim)])] == [1]
    assert {lane.in_flight for lane in Lane.objects.filter(pk__in=[first.pk, second.pk])} == {0}
    assert _prune() == Pruned(events=1, deliveries=1, attempts=1)
    assert _counts() == (0, 0, 0)


def test_an_old_event_decides_for_a_delivery_that_was_tried_again_yesterday(app: App) -> None:
    endpoint = make_endpoint(app)
    make_events(app)
    _deliver()
    retry_delivery(Delivery.objects.get(), SYSTEM)
    assert _deliver() == 1
    later = make_delivery(Event.objects.get(), make_endpoint(app), DeliveryStatus.SUCCEEDED)  # as a replay makes it
    assert later.created_at > timezone.now() - DAY
    assert _prune() == Pruned(events=1, deliveries=2, attempts=2)
    assert endpoint.deliveries.count() == 0


@pytest.mark.parametrize("days", [-40, 40])
def test_the_moment_of_the_database_decides_and_not_the_clock_in_the_id(app: App, days: int) -> None:
    """A process whose clock is off by days: its events go too late at worst, never too early."""
    event = make_events(app)[0]
    Event.objects.filter(pk=event.pk).delete()
    event.pk = uuid.UUID(int=event.pk.int + (days * 86_400_000 << 80))
    event.save(force_insert=True)
    moment = _moment()
    assert _prune(moment - dt.timedelta(seconds=10)) == Pruned()
    assert _prune(moment) == Pruned(events=1 if days < 0 else 0)
    assert _prune(moment + 41 * DAY) == Pruned(events=0 if days < 0 else 1)


def test_a_bound_of_ids_lies_between_what_was_made_before_and_after() -> None:
    before = new_id()
    moment = _moment()
    assert before < first_id_at(moment) < new_id()
    assert first_id_at(dt.datetime(1926, 1, 1, tzinfo=dt.UTC)) == uuid.UUID(int=0)


def test_an_idempotency_key_is_free_again_once_its_event_is_gone(app: App) -> None:
    first = emit(app, "order.paid", {"number": 1}, idempotency_key="key-1")
    assert emit(app, "order.paid", {"number": 1}, idempotency_key="key-1").pk == first.pk
    assert _prune() == Pruned(events=1)
    again = emit(app, "order.paid", {"number": 2}, idempotency_key="key-1")
    assert Event.objects.get().pk == again.pk


# Lanes ---------------------------------------------------------------------------------------------


def test_held_deliveries_expire_and_the_lane_is_right_afterwards(app: App) -> None:
    endpoint = make_endpoint(app)
    disable_endpoint(endpoint, DisabledReason.MANUAL, ACTOR)
    make_events(app, 3)
    assert _deliver() == 0
    moment = _moment()
    young = make_events(app)[0]
    assert _deliver() == 0
    before = Lane.objects.get().seq

    assert _prune(moment) == Pruned(events=3, deliveries=3)
    assert Lane.objects.get().seq == before + 1
    enable_endpoint(endpoint, ACTOR)
    assert _deliver() == 1
    assert (Delivery.objects.get().event_id, Delivery.objects.get().status) == (young.pk, "succeeded")
    lane = Lane.objects.get()
    assert (lane.in_flight, lane.fresh_from, lane.first_wake_at) == (0, None, None)


def test_old_pending_ones_go_and_a_new_event_is_delivered_all_the_same(app: App) -> None:
    make_endpoint(app)
    make_events(app, 2)
    statements().fan_out(10)
    claims = statements().claim(1, 25.0)
    statements().finish([failed(claims[0], retry_in=3600)])
    assert _prune() == Pruned(events=2, deliveries=2, attempts=1)
    # The lane still waits from the moments of what went; the next claim finds nothing there.
    Lane.objects.update(claimed_at=None, retry_from=timezone.now())
    assert statements().claim(10, 25.0) == []
    lane = Lane.objects.get()
    assert (lane.in_flight, lane.fresh_from, lane.retry_from) == (0, None, None)
    make_events(app)
    assert _deliver() == 1


@pytest.mark.postgresql
def test_what_others_have_locked_is_left_alone_without_waiting(app: App) -> None:
    endpoint = make_endpoint(app)
    make_endpoint(app)
    make_events(app, 2)
    statements().fan_out(10)
    with transaction.atomic():
        lock_lane(endpoint.pk)
        assert _elsewhere(_prune) == Pruned(deliveries=2)
        event = Event.objects.select_for_update().earliest("id")
        assert _elsewhere(_prune) == Pruned()
    with transaction.atomic():
        Event.objects.select_for_update().get(pk=event.pk)
        assert _elsewhere(_prune) == Pruned(events=1, deliveries=1)
    assert _prune() == Pruned(events=1, deliveries=1)


@pytest.mark.postgresql
def test_one_that_is_retried_or_claimed_in_the_middle_of_a_batch_stays(app: App) -> None:
    make_endpoint(app)
    make_events(app, 2)
    _deliver()
    retried, other = Delivery.objects.order_by("pk")
    inner = retention._lock_deliveries

    def meanwhile(events: list[uuid.UUID], found: list[retention._Found]) -> list[uuid.UUID]:
        def retry() -> None:
            retry_delivery(retried, SYSTEM)

        _elsewhere(retry)
        if first.pop(0):
            _elsewhere(lambda: statements().claim(10, 25.0))
        return inner(events, found)

    for claims_too in (False, True):
        first = [claims_too]
        with patch("deliveries.retention._lock_deliveries", meanwhile):
            pruned = _prune()
        assert pruned == (Pruned() if claims_too else Pruned(events=1, deliveries=1, attempts=1))
        assert Delivery.objects.get().pk == retried.pk
    assert Delivery.objects.get().status == DeliveryStatus.SENDING
    assert not Delivery.objects.filter(pk=other.pk).exists()


@pytest.mark.postgresql
def test_fan_out_passes_over_events_that_are_just_being_deleted(app: App) -> None:
    make_endpoint(app)
    make_events(app)
    dispatched: list[object] = []
    inner = retention._lock_deliveries

    def meanwhile(events: list[uuid.UUID], found: list[retention._Found]) -> list[uuid.UUID]:
        dispatched.append(_elsewhere(lambda: statements().fan_out(10)))
        return inner(events, found)

    with patch("deliveries.retention._lock_deliveries", meanwhile):
        assert _prune() == Pruned(events=1)
    assert dispatched == [0]
    assert _counts() == (0, 0, 0)


def _elsewhere(action: Callable[[], object]) -> object:
    """Do it on a connection of its own, and return what it returned."""
    found: list[object] = []

    def work() -> None:
        try:
            found.append(action())
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(20)
    assert len(found) == 1
    return found[0]


# Endpoints -----------------------------------------------------------------------------------------


def test_a_deleted_endpoint_goes_with_its_lane_when_its_history_has_gone(app: App) -> None:
    deleted, kept = make_endpoint(app), make_endpoint(app)
    make_events(app)
    _deliver()
    delete_endpoint(deleted, ACTOR)
    audited = AuditEntry.objects.count()
    assert _prune() == Pruned(events=1, deliveries=2, attempts=2, endpoints=1)
    assert (Endpoint.objects.get(), Lane.objects.get().pk) == (kept, kept.pk)
    assert EndpointSecret.objects.get().endpoint_id == kept.pk
    assert AuditEntry.objects.count() == audited


def test_a_deleted_endpoint_stays_while_it_is_not_old_or_has_history(app: App) -> None:
    recent, sending = make_endpoint(app), make_endpoint(app)
    event = make_events(app)[0]
    make_delivery(event, sending, DeliveryStatus.SENDING)
    delete_endpoint(sending, ACTOR)
    moment = _moment()
    delete_endpoint(recent, ACTOR)
    assert _prune(moment) == Pruned()
    assert (Endpoint.objects.count(), _counts()) == (2, (1, 1, 0))
    assert _prune() == Pruned(endpoints=1)
    assert Endpoint.objects.get() == sending


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
    assert _deliver() == 7 * endpoints
    for endpoint in made:
        delete_endpoint(endpoint, ACTOR)
    assert _prune() == Pruned(7, 7 * endpoints, 7 * endpoints, endpoints)
    assert (_counts(), Endpoint.objects.count()) == ((0, 0, 0), 0)


@pytest.mark.usefixtures("_small_batches")
def test_a_batch_of_what_stays_does_not_stop_the_run(app: App) -> None:
    endpoints = [make_endpoint(app) for _ in range(5)]
    first = make_events(app)[0]
    for endpoint in endpoints:
        make_delivery(first, endpoint, DeliveryStatus.SENDING)
    make_delivery(first, make_endpoint(app), DeliveryStatus.FAILED)
    Event.objects.filter(pk=first.pk).update(dispatched_at=timezone.now())
    make_events(app, 8)
    assert _prune() == Pruned(events=8, deliveries=1)
    assert _counts() == (1, 5, 0)


@pytest.mark.usefixtures("_small_batches")
def test_a_run_that_has_enough_ends_after_its_batch_and_the_next_one_goes_on(app: App) -> None:
    delete_endpoint(make_endpoint(app), ACTOR)
    make_events(app, 7)
    moment = _moment()
    assert _prune(moment, lambda: True) == Pruned(events=3, more=True)
    assert _prune(moment, lambda: True) == Pruned(events=3, more=True)
    assert _prune(moment) == Pruned(events=1, endpoints=1)
    assert _prune(moment, lambda: True) == Pruned()


# The task ------------------------------------------------------------------------------------------


def test_the_nightly_task_is_in_the_schedule() -> None:
    entry = celery_app.conf.beat_schedule["prune"]
    assert (entry["task"], entry["schedule"]) == (PRUNE_TASK, crontab(hour="3", minute="17"))
    assert entry["task"] == tasks.prune.name


@pytest.mark.usefixtures("_small_batches")
def test_a_turn_ends_when_its_time_is_over_and_asks_for_another(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    make_events(app, 4)
    day = _moment() + 30 * DAY
    monkeypatch.setattr(retention, "database_now", lambda: day)
    monkeypatch.setattr(retention, "TURN_SECONDS", 0.0)
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
    day = _moment() + 30 * DAY
    monkeypatch.setattr(retention, "database_now", lambda: day)
    monkeypatch.setattr(retention, "WAITED_SECONDS", 0.0)
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
    assert _command() == ("Deleted 0 events, 0 deliveries, 0 attempts and 0 endpoints, older than 30 days.\n")
    make_endpoint(app)
    make_events(app)
    _deliver()
    day = _moment() + 30 * DAY
    monkeypatch.setattr(retention, "database_now", lambda: day)
    assert _command() == "Deleted 1 event, 1 delivery, 1 attempt and 0 endpoints, older than 30 days.\n"
    assert json.loads(_command("--json")) == {
        "events": 0,
        "deliveries": 0,
        "attempts": 0,
        "endpoints": 0,
        "more": False,
    }


@pytest.mark.usefixtures("_small_batches")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_ends_after_the_batch_at_hand_when_it_is_told_to(
    app: App, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    make_events(app, 4)
    day = _moment() + 30 * DAY
    monkeypatch.setattr(retention, "database_now", lambda: day)
    inner = retention._lock_lanes

    def told_to_stop(endpoints: set[uuid.UUID]) -> list[uuid.UUID]:
        os.kill(os.getpid(), number)
        return inner(endpoints)

    before = signal.getsignal(number)
    with patch("deliveries.retention._lock_lanes", told_to_stop):
        assert _command() == (
            "Deleted 3 events, 0 deliveries, 0 attempts and 0 endpoints, older than 30 days. "
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
