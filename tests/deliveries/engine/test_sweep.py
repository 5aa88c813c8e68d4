"""What no drain looks after: leases that ran out; and statements that are tried again."""

import datetime as dt

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import Settings

from deliveries.engine.drain import Engine, retrying
from deliveries.engine.results import result_of
from deliveries.engine.statements import Claimed, statements
from deliveries.engine.sweep import sweep, work_is_due
from deliveries.error_codes import ErrorCode
from deliveries.models import Delivery, Lane
from deliveries.transport.sender import Outcome
from tests.deliveries.engine.rows import attempts, due_in, make_app, make_due, make_endpoint, make_events
from tests.receivers.behaviours import answer, answers
from tests.receivers.server import Receiver
from webhooks.models import Endpoint

pytestmark = pytest.mark.django_db(transaction=True)

OK = answers(answer("204 No Content"))


def test_a_lost_worker_costs_no_retry_until_the_third_time(engine: Engine, settings: Settings) -> None:
    """S43."""
    settings.WEBHOOKS_RETRY_SCHEDULE = (100.0,)
    app = make_app()
    make_endpoint(app)
    make_events(app)
    statements().fan_out(10)
    for lost, position in ((1, 0), (2, 0), (3, 1)):
        assert len(statements().claim(10, 25)) == 1
        Delivery.objects.update(leased_until=timezone.now() - dt.timedelta(seconds=1))

        assert sweep() == 1

        delivery = Delivery.objects.get()
        assert (delivery.status, delivery.lost_count, delivery.schedule_position) == ("pending", lost, position)
        assert Lane.objects.get().in_flight == 0
    assert 95 < due_in(delivery) <= 100
    assert attempts() == [(n, "failed", None, "worker_lost") for n in (1, 2, 3)]
    assert Lane.objects.get().failing_since is None

    make_due(Delivery.objects.all())
    with Receiver(OK) as receiver:
        Endpoint.objects.update(url=receiver.url())
        engine.drain(None)
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempt_count, delivery.lost_count) == ("succeeded", 4, 0)


def test_work_is_due_tells_whether_a_drain_would_find_something(engine: Engine) -> None:
    app = make_app()
    assert work_is_due() is False
    with Receiver(OK) as receiver:
        make_endpoint(app, url=receiver.url())
        make_events(app)
        assert work_is_due() is True
        engine.drain(None)

    assert work_is_due() is False


def test_a_statement_that_meets_a_deadlock_is_tried_again() -> None:
    tries: list[int] = []

    def deadlocks_twice() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise OperationalError("deadlock detected")
        return "done"

    assert retrying(deadlocks_twice) == "done"
    assert len(tries) == 3


def test_a_database_that_stays_away_is_given_up_after_a_while() -> None:
    def fails() -> None:
        raise OperationalError("the server is away")

    with pytest.raises(OperationalError, match="away"):
        retrying(fails, within=0.1)


def test_pauses_of_more_than_an_hour_and_of_less_are_recorded_together() -> None:
    """S22: receivers of several apps ask for pauses at the same time, one of them for a day."""
    app = make_app()
    for _ in range(2):
        make_endpoint(app)
    make_events(app)
    statements().fan_out(100)
    claims = statements().claim(10, 25)
    outcomes = [busy(claim, seconds) for claim, seconds in zip(claims, ("86400", "5"), strict=True)]

    lanes = statements().finish([result_of(claim, outcome) for claim, outcome in zip(claims, outcomes, strict=True)])

    assert [lane.finished for lane in lanes] == [1, 1]
    assert attempts() == [(1, "failed", 503, "http_status")] * 2


@pytest.mark.postgresql
def test_the_sweep_notices_a_connection_that_was_lost() -> None:
    """S43: Celery keeps connections as they are, and nothing else may run in this process for long."""
    statements().prepare_connection()
    sweep()
    own = connection.connection.info.backend_pid
    with connection.copy().cursor() as other:
        other.execute("select pg_terminate_backend(%s, 5000)", [own])
        other.connection.close()

    assert sweep() == 0
    assert connection.connection.info.backend_pid != own


def busy(claimed: Claimed, retry_after: str) -> Outcome:
    return Outcome(
        token=claimed,
        started_at=timezone.now(),
        duration_ms=5,
        status=503,
        headers=(("retry-after", retry_after),),
        body="",
        truncated=False,
        error_code=ErrorCode.HTTP_STATUS,
        error="It said 503.",
    )
