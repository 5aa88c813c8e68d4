"""The limit on an app's events a second, on the database's own arithmetic (S39)."""

import threading
import time
from collections.abc import Callable

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from events import emit_rate
from events.models import EmitBudget
from switera_webhooks.refusals import LimitReached
from tests.factories import make_app
from webhooks.models import App

pytestmark = pytest.mark.django_db(transaction=True)
SECOND = 1_000_000_000  # nanoseconds


class Clock:
    """Time as `take` reads it."""

    def __init__(self) -> None:
        self.now = 1_767_225_600 * SECOND

    def pass_seconds(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "time_ns", lambda: clock.now)
    return clock


@pytest.fixture
def app() -> App:
    return make_app().app


def refused(action: Callable[[], None]) -> int:
    """Seconds after which the refusal says to come again; it has spent nothing."""
    before = list(EmitBudget.objects.order_by("pk").values())
    with pytest.raises(LimitReached) as caught:
        action()
    assert list(EmitBudget.objects.order_by("pk").values()) == before
    return caught.value.retry_after


def test_without_a_limit_the_database_is_not_asked(app: App, settings: Settings) -> None:
    settings.WEBHOOKS_EMIT_RATE = 0
    with CaptureQueriesContext(connection) as queries:
        emit_rate.take(app, 1_000)

    assert len(queries) == 0


def test_a_seconds_worth_may_come_at_once_and_then_one_by_one(app: App, settings: Settings, clock: Clock) -> None:
    settings.WEBHOOKS_EMIT_RATE = 5
    for _ in range(5):
        emit_rate.take(app, 1)
    assert refused(lambda: emit_rate.take(app, 1)) == 1

    clock.pass_seconds(0.2)
    emit_rate.take(app, 1)
    assert refused(lambda: emit_rate.take(app, 1)) == 1

    clock.pass_seconds(3_600)
    for _ in range(5):
        emit_rate.take(app, 1)
    assert refused(lambda: emit_rate.take(app, 1)) == 1


def test_a_batch_over_the_rate_goes_and_is_paid_off(app: App, settings: Settings, clock: Clock) -> None:
    settings.WEBHOOKS_EMIT_RATE = 100
    emit_rate.take(app, 1_000)

    assert refused(lambda: emit_rate.take(app, 1)) == 10
    assert refused(lambda: emit_rate.take(app, 1_000)) == 10
    clock.pass_seconds(9.01)
    emit_rate.take(app, 1)
    assert refused(lambda: emit_rate.take(app, 1_000)) == 1


def test_apps_do_not_share_a_budget(app: App, settings: Settings, clock: Clock) -> None:
    settings.WEBHOOKS_EMIT_RATE = 1
    other = make_app("Other").app

    emit_rate.take(app, 1)
    emit_rate.take(other, 1)
    assert refused(lambda: emit_rate.take(app, 1)) == 1


def test_taking_is_one_statement(app: App, settings: Settings) -> None:
    settings.WEBHOOKS_EMIT_RATE = 1_000_000
    emit_rate.take(app, 1)
    with CaptureQueriesContext(connection) as queries:
        emit_rate.take(app, 1)

    assert [query["sql"].split(maxsplit=1)[0] for query in queries] == ["UPDATE"]


def test_many_at_once_get_no_more_than_there_is(app: App, settings: Settings, clock: Clock) -> None:
    """The first one included: nobody has a budget's row yet."""
    settings.WEBHOOKS_EMIT_RATE = 7
    outcomes: list[str] = []
    start = threading.Barrier(4)

    def take() -> None:
        start.wait()
        for _ in range(5):
            try:
                emit_rate.take(app, 1)
                outcomes.append("taken")
            except LimitReached:
                outcomes.append("refused")
        connections.close_all()

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (outcomes.count("taken"), outcomes.count("refused")) == (7, 13)
