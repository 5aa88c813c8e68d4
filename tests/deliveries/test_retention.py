"""Retention: what is old goes; what is young, or being sent, stays."""

import datetime as dt
import threading
import uuid
from collections.abc import Callable
from unittest.mock import patch

import pytest
from django.db import connections, transaction
from django.utils import timezone
from pytest_django import Settings

from deliveries import retention
from deliveries.delivery_actions import retry_delivery
from deliveries.delivery_filter import DeliveryFilter
from deliveries.endpoints import delete_endpoint, disable_endpoint, enable_endpoint
from deliveries.engine.statements import statements
from deliveries.locking import lock_lane
from deliveries.models import Delivery, DeliveryStatus, Lane, Replay, ReplayKind
from deliveries.replays import start_replay
from deliveries.retention import Pruned, prune_history
from events.emit import emit
from events.models import Event
from switera_webhooks.ids import first_id_at, new_id
from tests.deliveries.engine.rows import failed, make_app, make_endpoint, make_events, succeeded
from tests.deliveries.pruning import DAY, counts, deliver, moment, prune
from tests.deliveries.replaying import make_failed
from tests.factories import ACTOR, make_attempt, make_delivery
from webhooks.audit import SYSTEM
from webhooks.models import App, AuditEntry, DisabledReason, Endpoint, EndpointSecret

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _thirty_days(settings: Settings) -> None:
    settings.WEBHOOKS_RETENTION_DAYS = 30


@pytest.fixture
def app() -> App:
    return make_app()


# What goes and what stays --------------------------------------------------------------------------


def test_what_is_old_goes_and_what_is_younger_stays(app: App) -> None:
    make_endpoint(app)
    make_endpoint(app)
    make_events(app, 3)
    assert deliver() == 6
    then = moment()
    young = make_events(app, 2)
    assert deliver() == 4
    assert prune(then - dt.timedelta(days=1)) == Pruned()

    assert prune(then) == Pruned(events=3, deliveries=6, attempts=6)
    assert {event.pk for event in Event.objects.all()} == {event.pk for event in young}
    assert counts() == (2, 4, 4)
    assert (Endpoint.objects.count(), Lane.objects.count()) == (2, 2)
    assert prune(then) == Pruned()


def test_by_the_real_clock_nothing_of_today_goes(app: App) -> None:
    make_endpoint(app)
    make_events(app)
    deliver()
    assert prune_history() == Pruned()
    assert counts() == (1, 1, 1)


@pytest.mark.parametrize("status", ["pending", "succeeded", "failed", "canceled"])
def test_every_state_but_sending_goes_with_all_its_attempts(app: App, status: str) -> None:
    endpoint = make_endpoint(app)
    delivery = make_delivery(make_events(app)[0], endpoint, status)
    make_attempt(delivery, 1)
    make_attempt(delivery, 2)
    assert prune() == Pruned(events=1, deliveries=1, attempts=2)
    assert counts() == (0, 0, 0)


def test_events_without_deliveries_and_not_yet_dispatched_ones_go_too(app: App) -> None:
    make_events(app, 2)
    statements().fan_out(1)
    assert prune() == Pruned(events=2)
    assert counts() == (0, 0, 0)


def test_what_is_being_sent_stays_with_its_event_until_a_later_run(app: App) -> None:
    first, second = make_endpoint(app), make_endpoint(app)
    make_events(app, 2)
    statements().fan_out(10)
    (claim,) = statements().claim(1, 25.0)

    # The other delivery of the event goes.
    assert prune() == Pruned(events=1, deliveries=3)
    assert Delivery.objects.get().pk == claim.delivery_id
    assert Event.objects.get().pk == Delivery.objects.get().event_id
    assert {lane.in_flight for lane in Lane.objects.all()} == {0, 1}

    # The worker's result is recorded as if nothing had been.
    assert [lane.finished for lane in statements().finish([succeeded(claim)])] == [1]
    assert {lane.in_flight for lane in Lane.objects.filter(pk__in=[first.pk, second.pk])} == {0}
    assert prune() == Pruned(events=1, deliveries=1, attempts=1)
    assert counts() == (0, 0, 0)


def test_an_old_event_decides_for_a_delivery_that_was_tried_again_yesterday(app: App) -> None:
    endpoint = make_endpoint(app)
    make_events(app)
    deliver()
    retry_delivery(Delivery.objects.get(), SYSTEM)
    assert deliver() == 1
    later = make_delivery(Event.objects.get(), make_endpoint(app), DeliveryStatus.SUCCEEDED)  # as a replay makes it
    assert later.created_at > timezone.now() - DAY
    assert prune() == Pruned(events=1, deliveries=2, attempts=2)
    assert endpoint.deliveries.count() == 0


@pytest.mark.parametrize("days", [-40, 40])
def test_the_moment_of_the_database_decides_and_not_the_clock_in_the_id(app: App, days: int) -> None:
    """A process whose clock is off by days: its events go too late at worst, never too early."""
    event = make_events(app)[0]
    Event.objects.filter(pk=event.pk).delete()
    event.pk = uuid.UUID(int=event.pk.int + (days * 86_400_000 << 80))
    event.save(force_insert=True)
    then = moment()
    assert prune(then - dt.timedelta(seconds=10)) == Pruned()
    assert prune(then) == Pruned(events=1 if days < 0 else 0)
    assert prune(then + 41 * DAY) == Pruned(events=0 if days < 0 else 1)


def test_a_bound_of_ids_lies_between_what_was_made_before_and_after() -> None:
    before = new_id()
    then = moment()
    assert before < first_id_at(then) < new_id()
    assert first_id_at(dt.datetime(1926, 1, 1, tzinfo=dt.UTC)) == uuid.UUID(int=0)


def test_an_idempotency_key_is_free_again_once_its_event_is_gone(app: App) -> None:
    first = emit(app, "order.paid", {"number": 1}, idempotency_key="key-1")
    assert emit(app, "order.paid", {"number": 1}, idempotency_key="key-1").pk == first.pk
    assert prune() == Pruned(events=1)
    again = emit(app, "order.paid", {"number": 2}, idempotency_key="key-1")
    assert Event.objects.get().pk == again.pk


# Lanes ---------------------------------------------------------------------------------------------


def test_held_deliveries_expire_and_the_lane_is_right_afterwards(app: App) -> None:
    endpoint = make_endpoint(app)
    disable_endpoint(endpoint, DisabledReason.MANUAL, ACTOR)
    make_events(app, 3)
    assert deliver() == 0
    then = moment()
    young = make_events(app)[0]
    assert deliver() == 0
    before = Lane.objects.get().seq

    assert prune(then) == Pruned(events=3, deliveries=3)
    assert Lane.objects.get().seq == before + 1
    enable_endpoint(endpoint, ACTOR)
    assert deliver() == 1
    assert (Delivery.objects.get().event_id, Delivery.objects.get().status) == (young.pk, "succeeded")
    lane = Lane.objects.get()
    assert (lane.in_flight, lane.fresh_from, lane.first_wake_at) == (0, None, None)


def test_old_pending_ones_go_and_a_new_event_is_delivered_all_the_same(app: App) -> None:
    make_endpoint(app)
    make_events(app, 2)
    statements().fan_out(10)
    claims = statements().claim(1, 25.0)
    statements().finish([failed(claims[0], retry_in=3600)])
    assert prune() == Pruned(events=2, deliveries=2, attempts=1)
    # The lane still waits from the moments of what went; the next claim finds nothing there.
    Lane.objects.update(claimed_at=None, retry_from=timezone.now())
    assert statements().claim(10, 25.0) == []
    lane = Lane.objects.get()
    assert (lane.in_flight, lane.fresh_from, lane.retry_from) == (0, None, None)
    make_events(app)
    assert deliver() == 1


@pytest.mark.postgresql
def test_what_others_have_locked_is_left_alone_without_waiting(app: App) -> None:
    endpoint = make_endpoint(app)
    make_endpoint(app)
    make_events(app, 2)
    statements().fan_out(10)
    with transaction.atomic():
        lock_lane(endpoint.pk)
        assert _elsewhere(prune) == Pruned(deliveries=2)
        event = Event.objects.select_for_update().earliest("id")
        assert _elsewhere(prune) == Pruned()
    with transaction.atomic():
        Event.objects.select_for_update().get(pk=event.pk)
        assert _elsewhere(prune) == Pruned(events=1, deliveries=1)
    assert prune() == Pruned(events=1, deliveries=1)


@pytest.mark.postgresql
def test_one_that_is_retried_or_claimed_in_the_middle_of_a_batch_stays(app: App) -> None:
    make_endpoint(app)
    make_events(app, 2)
    deliver()
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
            pruned = prune()
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
        assert prune() == Pruned(events=1)
    assert dispatched == [0]
    assert counts() == (0, 0, 0)


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
    deliver()
    delete_endpoint(deleted, ACTOR)
    audited = AuditEntry.objects.count()
    assert prune() == Pruned(events=1, deliveries=2, attempts=2, endpoints=1)
    assert (Endpoint.objects.get(), Lane.objects.get().pk) == (kept, kept.pk)
    assert EndpointSecret.objects.get().endpoint_id == kept.pk
    assert AuditEntry.objects.count() == audited


def test_a_deleted_endpoint_stays_while_it_is_not_old_or_has_history(app: App) -> None:
    recent, sending = make_endpoint(app), make_endpoint(app)
    event = make_events(app)[0]
    make_delivery(event, sending, DeliveryStatus.SENDING)
    delete_endpoint(sending, ACTOR)
    then = moment()
    delete_endpoint(recent, ACTOR)
    assert prune(then) == Pruned()
    assert (Endpoint.objects.count(), counts()) == (2, (1, 1, 0))
    assert prune() == Pruned(endpoints=1)
    assert Endpoint.objects.get() == sending


# Replays -------------------------------------------------------------------------------------------


def test_a_replay_goes_when_it_ended_so_long_ago(app: App) -> None:
    make_endpoint(app)
    ended = start_replay(app, "live", ReplayKind.FAILED, DeliveryFilter(), ACTOR)
    then = moment()
    young = start_replay(app, "live", ReplayKind.FAILED, DeliveryFilter(), ACTOR)
    audited = AuditEntry.objects.count()
    assert ended.finished_at is not None
    assert prune(then) == Pruned(replays=1)
    assert Replay.objects.get() == young
    assert AuditEntry.objects.count() == audited


def test_a_replay_stays_while_it_is_at_work_or_ended_lately(app: App) -> None:
    endpoint = make_endpoint(app)
    make_failed(endpoint)
    active = start_replay(app, "live", ReplayKind.FAILED, DeliveryFilter(), ACTOR)
    late = start_replay(app, "live", ReplayKind.CANCELED, DeliveryFilter(), ACTOR)
    then = moment()
    Replay.objects.filter(pk=late.pk).update(finished_at=then + DAY)
    assert prune(then).replays == 0
    assert set(Replay.objects.all()) == {active, late}
    assert prune(then + 2 * DAY).replays == 1
    assert Replay.objects.get() == active
