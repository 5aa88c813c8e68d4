"""How replays run: batches, workers that die or meet, messages that are lost, cancel."""

import itertools
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connections, transaction
from django.utils import timezone

from deliveries import replay_batches, replays, tasks, worker_turn
from deliveries.delivery_actions import retry_delivery
from deliveries.endpoints import delete_endpoint
from deliveries.engine.statements import statements
from deliveries.locking import lock_open_lanes
from deliveries.models import Delivery, Replay, ReplayKind, Turn
from deliveries.replay_batches import next_batch, replays_wait
from deliveries.replays import cancel_replay
from events.models import Event
from switera_webhooks.celery import REPLAY_TASK
from switera_webhooks.refusals import Conflict
from tests.deliveries.engine.rows import make_app, make_endpoint, make_events
from tests.deliveries.replaying import make_failed, one_batch, outcome, pending, start, undelivered, work
from tests.factories import ACTOR
from webhooks.models import App, AuditEntry, Endpoint

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def endpoint(app: App) -> Endpoint:
    return make_endpoint(app)


@pytest.fixture
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_batches, "DELIVERIES_AT_ONCE", 3)
    monkeypatch.setattr(replay_batches, "SEARCHED_AT_ONCE", 4)


class Killed(BaseException):
    """As by kill -9: nobody catches it."""


# Batches -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_small_batches")
@pytest.mark.parametrize("number", [1, 2, 3, 4, 6, 8, 13])
def test_any_number_is_done_in_as_many_batches_as_it_takes_in_order(app: App, endpoint: Endpoint, number: int) -> None:
    failed = make_failed(endpoint, number)
    missed = undelivered(app, number)
    first = start(app)
    second = start(app, ReplayKind.MISSING, endpoint_id=endpoint.pk)
    work()
    assert outcome(first) == ("completed", number, number, 0, 0)
    assert outcome(second) == ("completed", number, 0, number, 0)
    made = pending()
    assert [row for row in made if row in failed] == failed
    assert [row.event for row in made if row not in failed] == missed


@pytest.mark.usefixtures("_small_batches")
def test_a_batch_looks_through_a_bounded_number_of_rows(app: App, endpoint: Endpoint) -> None:
    make_failed(endpoint, 9, error_code="timeout")
    (wanted,) = make_failed(endpoint)
    replay = start(app, error_code="http_status")
    assert (one_batch(), outcome(replay)) == (True, ("running", 1, 0, 0, 0))
    assert (one_batch(), outcome(replay)) == (True, ("running", 1, 0, 0, 0))
    assert (one_batch(), outcome(replay), pending()) == (False, ("completed", 1, 1, 0, 0), [wanted])


@pytest.mark.usefixtures("_small_batches")
def test_replays_take_turns(app: App, endpoint: Endpoint) -> None:
    other = make_app()
    make_failed(endpoint, 4)
    make_failed(make_endpoint(other), 4)
    first, second = start(app), start(other)
    turns = iter([False, True])
    assert replay_batches.work_on_replays(lambda: next(turns)) is True
    assert [outcome(replay)[2] for replay in (first, second)] == [3, 3]


@pytest.mark.usefixtures("_small_batches")
@pytest.mark.parametrize("kind", [ReplayKind.FAILED, ReplayKind.MISSING, ReplayKind.ALL])
def test_killed_at_any_point_it_goes_on_exactly(app: App, endpoint: Endpoint, kind: ReplayKind) -> None:
    """S43: nothing is repeated, nothing is lost."""
    if kind != ReplayKind.MISSING:
        make_failed(endpoint, 7)
    if kind != ReplayKind.FAILED:
        undelivered(app, 7)
    filters: dict[str, Any] = {} if kind == ReplayKind.FAILED else {"endpoint_id": endpoint.pk}
    replay = start(app, kind, **filters)
    total = replay.count
    retried: Counter[object] = Counter()
    steps = ["lock_open_lanes", "_retry", "database_now", "nudge"]
    if kind != ReplayKind.FAILED:
        steps.append("_create")
    for step in itertools.cycle(steps):
        inner: Callable[..., object] = getattr(replay_batches, step)

        def dies(*arguments: object, inner: Callable[..., object] = inner) -> None:
            inner(*arguments)
            raise Killed

        before = (outcome(replay), len(pending()))
        with patch.object(replay_batches, step, dies), pytest.raises(Killed):
            next_batch(replay.pk)
        assert (outcome(replay), len(pending())) == before
        next_batch(replay.pk)
        retried.update(row.pk for row in pending())
        # As if they had been delivered since: to try one again would show.
        Delivery.objects.filter(status="pending").update(status="succeeded", due_at=None)
        if outcome(replay)[0] == "completed":
            break
    status, count, again, created, skipped = outcome(replay)
    assert (status, count, again + created, skipped) == ("completed", total, total, 0)
    assert (len(retried), set(retried.values())) == (total, {1})


# Together ------------------------------------------------------------------------------------------


def test_the_same_replay_is_one_job_while_it_runs(app: App, endpoint: Endpoint) -> None:
    """S41."""
    make_failed(endpoint, 2)
    replay = start(app, endpoint_id=endpoint.pk)
    assert start(app, endpoint_id=endpoint.pk) == replay
    other = start(app)
    assert other != replay
    next_batch(replay.pk)
    assert outcome(replay)[0] == "completed"
    make_failed(endpoint)
    again = start(app, endpoint_id=endpoint.pk)
    assert (again != replay, again.count) == (True, 1)
    cancel_replay(again, ACTOR)
    assert start(app, endpoint_id=endpoint.pk) not in (replay, again)
    assert Replay.objects.count() == 4


@pytest.mark.parametrize("kind", [ReplayKind.FAILED, ReplayKind.ALL])
def test_two_that_start_it_at_once_start_one(app: App, endpoint: Endpoint, kind: ReplayKind) -> None:
    """S41."""
    make_failed(endpoint, 2)
    both = threading.Barrier(2)
    started: list[Replay] = []
    problems: list[Exception] = []

    def starts() -> None:
        try:
            both.wait(10)
            started.append(start(app, kind, endpoint_id=endpoint.pk))
        except Exception as problem:  # noqa: BLE001 (told to the test below)
            problems.append(problem)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=starts) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert started[0] == started[1] == Replay.objects.get()
    assert AuditEntry.objects.filter(action="replay.started").count() == 1


def test_whoever_comes_second_gets_the_job_that_was_started_meanwhile(app: App, endpoint: Endpoint) -> None:
    """S41: between the look whether it runs and the writing of the row."""
    make_failed(endpoint)
    inner = replays._refuse_over_limit
    first: list[Replay] = []

    def overtaken(count: int) -> None:
        if not first:
            first.append(Replay())
            first[0] = start(app)
        inner(count)

    with patch.object(replays, "_refuse_over_limit", overtaken):
        second = start(app)
    assert second == first[0] == Replay.objects.get()
    assert AuditEntry.objects.filter(action="replay.started").count() == 1


@pytest.mark.postgresql
@pytest.mark.usefixtures("_small_batches")
def test_one_worker_at_a_time_is_on_a_job(app: App, endpoint: Endpoint) -> None:
    make_failed(endpoint, 4)
    replay = start(app)
    with transaction.atomic():
        Replay.objects.select_for_update().get(pk=replay.pk)
        done: list[bool] = []

        def comes_second() -> None:
            try:
                done.append(replay_batches.work_on_replays(lambda: False))
            finally:
                connections.close_all()

        thread = threading.Thread(target=comes_second)
        thread.start()
        thread.join(10)
        assert done == [False]
    assert outcome(replay) == ("queued", 4, 0, 0, 0)
    work()
    assert outcome(replay) == ("completed", 4, 4, 0, 0)


def test_workers_persons_fan_outs_and_claims_side_by_side_lose_nothing(app: App) -> None:
    """No deadlock that is not got over, and each delivery is tried again once."""
    endpoints = [make_endpoint(app) for _ in range(4)]
    failed = [delivery for endpoint in endpoints for delivery in make_failed(endpoint, 20)]
    undelivered(app, 20)
    started = [start(app), *(start(app, ReplayKind.MISSING, endpoint_id=endpoint.pk) for endpoint in endpoints)]
    problems: list[Exception] = []

    def repeated(action: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            try:
                for _ in range(8):
                    action()
            except Exception as problem:  # noqa: BLE001 (told to the test below)
                problems.append(problem)
            finally:
                connections.close_all()

        return run

    def emits() -> None:
        make_events(app)
        statements().fan_out(10)

    actions: list[Callable[[], object]] = [one_batch, one_batch, emits, lambda: statements().claim(5, 25.0)]
    with patch.object(replay_batches, "DELIVERIES_AT_ONCE", 5):
        threads = [threading.Thread(target=repeated(action)) for action in actions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        work()
    while statements().fan_out(100):
        pass
    assert problems == []
    assert {outcome(replay)[0] for replay in started} == {"completed"}
    assert outcome(started[0])[1:3] == (80, 80)
    assert [outcome(replay)[1:4] for replay in started[1:]] == [(80, 0, 80)] * 4
    assert Delivery.objects.count() == len(failed) + 4 * 80 + 4 * 8
    assert not Delivery.objects.filter(status="failed").exists()


@pytest.mark.usefixtures("_small_batches")
def test_what_changes_meanwhile_is_skipped(app: App, endpoint: Endpoint) -> None:
    failed = make_failed(endpoint, 5)
    replay = start(app)
    one_batch()
    retry_delivery(failed[4], ACTOR)
    make_failed(endpoint)  # failed since: not in its window
    work()
    assert outcome(replay) == ("completed", 5, 4, 0, 1)
    assert {row.turn for row in pending() if row == failed[4]} == {Turn.URGENT}
    assert Delivery.objects.filter(status="failed").count() == 1


def test_one_that_changes_state_while_its_lane_is_waited_for_is_skipped(app: App, endpoint: Endpoint) -> None:
    failed = make_failed(endpoint, 2)
    replay = start(app)

    def after_a_success(endpoints: set[uuid.UUID]) -> list[uuid.UUID]:
        Delivery.objects.filter(pk=failed[0].pk).update(status="succeeded")
        return lock_open_lanes(endpoints)

    with patch.object(replay_batches, "lock_open_lanes", after_a_success):
        work()
    assert (outcome(replay), pending()) == (("completed", 2, 1, 0, 1), [failed[1]])


@pytest.mark.usefixtures("_small_batches")
@pytest.mark.parametrize("kind", [ReplayKind.FAILED, ReplayKind.MISSING])
def test_it_ends_where_its_endpoint_is_deleted_meanwhile(app: App, endpoint: Endpoint, kind: ReplayKind) -> None:
    undelivered(app, 5)
    make_failed(endpoint, 5)
    replay = start(app, kind, endpoint_id=endpoint.pk)
    one_batch()
    delete_endpoint(endpoint, ACTOR)
    work()
    status, count, retried, created, skipped = outcome(replay)
    assert (status, count, retried + created, skipped) == ("completed", 5, 3, 2)
    assert pending() == []


def test_events_that_were_deleted_meanwhile_are_skipped(app: App, endpoint: Endpoint) -> None:
    missed = undelivered(app, 3)
    replay = start(app, ReplayKind.MISSING, endpoint_id=endpoint.pk)
    inner = replay_batches._create

    def after_pruning(*arguments: object) -> int:
        Event.objects.filter(pk=missed[1].pk).delete()
        return inner(*arguments)  # type: ignore[arg-type]

    with patch.object(replay_batches, "_create", after_pruning):
        work()
    assert outcome(replay) == ("completed", 3, 0, 2, 1)


# Cancel and failure --------------------------------------------------------------------------------


@pytest.mark.usefixtures("_small_batches")
def test_canceled_midway_it_goes_no_further_and_what_is_pending_stays(app: App, endpoint: Endpoint) -> None:
    """S41."""
    make_failed(endpoint, 7)
    replay = start(app)
    assert one_batch() is True
    canceled = cancel_replay(replay, ACTOR)
    assert (canceled.status, canceled.progress, canceled.count) == ("canceled", 3, 7)
    assert canceled.finished_at is not None
    work()
    assert (outcome(replay), len(pending())) == (("canceled", 7, 3, 0, 0), 3)
    assert Delivery.objects.filter(status="failed").count() == 4
    with pytest.raises(Conflict) as refused:
        cancel_replay(replay, ACTOR)
    assert (refused.value.code, refused.value.message) == ("replay_ended", "This replay has ended already.")


@pytest.mark.usefixtures("_small_batches")
def test_a_defect_ends_the_replay_and_no_other(app: App, endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    make_failed(endpoint, 4)
    undelivered(app, 2)
    broken = start(app, ReplayKind.MISSING, endpoint_id=endpoint.pk)
    sound = start(app)
    with patch.object(replay_batches, "_create", side_effect=ValueError("a defect")):
        work()
    assert (outcome(broken), outcome(sound)) == (("failed", 2, 0, 0, 0), ("completed", 4, 4, 0, 0))
    assert [record.getMessage() for record in caplog.records] == ["A replay failed"]


# Workers -------------------------------------------------------------------------------------------


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The messages to workers."""
    sent: list[object] = []
    monkeypatch.setattr(tasks.replay, "apply_async", lambda **options: sent.append(options))
    return sent


def test_the_sweep_sends_a_worker_for_a_new_replay_and_again_where_nobody_came(
    app: App, endpoint: Endpoint, sent: list[object]
) -> None:
    message = {"expires": 60}
    tasks.sweep()
    assert sent == []
    make_failed(endpoint)
    replay = start(app)
    tasks.sweep()
    tasks.sweep()
    assert sent == [message]
    Replay.objects.update(worked_at=timezone.now() - replay_batches.LOST_AFTER)
    tasks.sweep()
    assert sent == [message, message]
    tasks.replay()
    assert outcome(replay) == ("completed", 1, 1, 0, 0)
    assert (len(sent), replays_wait(), tasks.replay.name) == (2, False, REPLAY_TASK)


@pytest.mark.usefixtures("_small_batches")
def test_a_turn_ends_when_its_time_is_over_and_asks_for_another(
    app: App, endpoint: Endpoint, sent: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_turn, "TURN_SECONDS", 0.0)
    make_failed(endpoint, 4)
    replay = start(app)
    tasks.replay()
    assert (outcome(replay)[:3], len(sent)) == (("running", 4, 3), 1)
    tasks.replay()
    assert (outcome(replay)[:3], len(sent)) == (("completed", 4, 4), 1)
