"""An endpoint's URL is edited while attempts are in flight: what the old one answers says nothing of the new one."""

import datetime as dt
import threading
from collections.abc import Callable

import pytest
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

from deliveries.endpoints import disable_endpoint, update_endpoint
from deliveries.engine import drain
from deliveries.engine.drain import Engine
from deliveries.engine.statements import Claimed, Result, statements
from deliveries.models import Attempt, Delivery, Lane, Turn
from tests.deliveries.engine.rows import (
    due_in,
    failed,
    lane_of,
    make_app,
    make_due,
    make_endpoint,
    make_waiting,
    succeeded,
)
from tests.receivers.behaviours import answer, answers
from tests.receivers.server import Behaviour, Peer, Receiver
from webhooks.audit import SYSTEM, Actor
from webhooks.models import AuditEntry, DisabledReason, Endpoint

pytestmark = pytest.mark.django_db(transaction=True)

LEASE = 25
NEW_URL = "https://192.0.78.1/elsewhere"
GONE = answer("410 Gone")


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))


def is_busy(claim: Claimed, pause: float | None = 600.0) -> Result:
    return failed(claim, retry_in=600)._replace(response_status=503, slow=True, pause=pause)


def is_gone(claim: Claimed) -> Result:
    return failed(claim, retry_in=600)._replace(response_status=410)


def answers_when(edited: threading.Event, asked: threading.Event) -> Behaviour:
    """410, once it has been edited."""

    def behave(peer: Peer) -> None:
        while peer.read_request():
            asked.set()
            edited.wait(10)
            peer.send(GONE)

    return behave


def drain_while(engine: Engine, edit: Callable[[], object], asked: threading.Event, edited: threading.Event) -> None:
    """Drain with `edit` done while the first request waits for its answer."""

    def work() -> None:
        asked.wait(10)
        edit()
        edited.set()
        connections.close_all()

    editor = threading.Thread(target=work)
    editor.start()
    engine.drain(None)
    editor.join()


def test_s23_gone_from_the_old_url_does_not_disable_the_new_one(engine: Engine) -> None:
    asked, edited = threading.Event(), threading.Event()
    with Receiver(answers_when(edited, asked)) as old, Receiver(answers(answer("204 No Content"))) as new:
        endpoint = make_endpoint(make_app(), url=old.url(), cap=1)
        make_waiting(endpoint, Turn.FRESH)
        drain_while(engine, lambda: update_endpoint(endpoint, {"url": new.url()}, SYSTEM), asked, edited)
        endpoint.refresh_from_db()
        assert (endpoint.disabled_at, lane_of(endpoint).held) == (None, False)
        assert actions() == ["endpoint.updated"]
        make_due(Delivery.objects.all())
        engine.drain(None)

    assert (len(old.requests), len(new.requests)) == (1, 1)
    assert list(Attempt.objects.order_by("number").values_list("response_status", flat=True)) == [410, 204]
    assert Delivery.objects.get().status == "succeeded"


def test_s23_gone_from_the_url_that_the_endpoint_has_disables_it_whatever_else_was_edited(engine: Engine) -> None:
    asked, edited = threading.Event(), threading.Event()
    with Receiver(answers_when(edited, asked)) as receiver:
        endpoint = make_endpoint(make_app(), url=receiver.url(), cap=1)
        make_waiting(endpoint, Turn.FRESH)
        changes = {"name": "Orders", "headers": {"X-Key": "hush"}}
        drain_while(engine, lambda: update_endpoint(endpoint, changes, SYSTEM), asked, edited)

    endpoint.refresh_from_db()
    assert endpoint.disabled_reason == "gone"
    assert actions() == ["endpoint.updated", "endpoint.disabled"]


@pytest.mark.parametrize("reason", ["gone", "sustained_failure"])
def test_s23_an_edit_between_the_record_and_the_disabling_comes_in_time(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    settings.WEBHOOKS_DISABLE_AFTER = 3_600
    asked: list[str] = []

    def edited_just_before(
        endpoint: Endpoint, reason: DisabledReason, actor: Actor, *, still: Callable[[Lane], bool]
    ) -> Endpoint:
        asked.append(reason)
        update_endpoint(endpoint, {"url": NEW_URL}, SYSTEM)
        return disable_endpoint(endpoint, reason, actor, still=still)

    monkeypatch.setattr(drain, "disable_endpoint", edited_just_before)
    with Receiver(answers(GONE if reason == "gone" else answer("500 Internal Server Error"))) as receiver:
        endpoint = make_endpoint(make_app(), url=receiver.url(), failing_since=timezone.now() - dt.timedelta(hours=2))
        make_waiting(endpoint, Turn.FRESH)
        engine.drain(None)

    endpoint.refresh_from_db()
    assert asked == [reason]
    assert (endpoint.disabled_at, endpoint.url, lane_of(endpoint).held) == (None, NEW_URL, False)
    assert actions() == ["endpoint.updated"]


def test_a_success_between_the_record_and_the_disabling_comes_in_time(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBHOOKS_DISABLE_AFTER = 3_600

    def succeeds_just_before(
        endpoint: Endpoint, reason: DisabledReason, actor: Actor, *, still: Callable[[Lane], bool]
    ) -> Endpoint:
        Lane.objects.filter(pk=endpoint.pk).update(failing_since=None)
        return disable_endpoint(endpoint, reason, actor, still=still)

    monkeypatch.setattr(drain, "disable_endpoint", succeeds_just_before)
    with Receiver(answers(answer("500 Internal Server Error"))) as receiver:
        endpoint = make_endpoint(make_app(), url=receiver.url(), failing_since=timezone.now() - dt.timedelta(hours=2))
        make_waiting(endpoint, Turn.FRESH)
        engine.drain(None)

    endpoint.refresh_from_db()
    assert (endpoint.disabled_at, lane_of(endpoint).held, actions()) == (None, False, [])


def test_pauses_and_failures_of_the_old_url_are_none_of_the_new_one() -> None:
    """S22, S23: each delivery waits as its answer said, the endpoint does not."""
    endpoint = make_endpoint(make_app())
    make_waiting(endpoint, Turn.FRESH, 30)
    claimed = statements().claim(14, LEASE)
    update_endpoint(endpoint, {"url": NEW_URL}, SYSTEM)
    before = lane_of(endpoint)

    (report,) = statements().finish([*map(is_busy, claimed[:13]), is_gone(claimed[13])])

    lane = lane_of(endpoint)
    assert (report.finished, report.gone, report.failing_since, report.opened_until) == (14, False, None, None)
    assert (lane.paused_until, lane.open_until, lane.failing_since, lane.cap) == (None, None, None, 16)
    assert (lane.failures_in_a_row, lane.window_attempts, lane.window_failures) == (0, 0, 0)
    assert (lane.in_flight, lane.seq) == (0, before.seq + 1)
    assert Attempt.objects.filter(status="failed").count() == 14
    waiting = Delivery.objects.filter(attempt_count=1)
    assert min(map(due_in, waiting)) > 595
    assert len(statements().claim(100, LEASE)) == 16


def test_a_success_of_the_old_url_is_none_of_the_new_one() -> None:
    endpoint = make_endpoint(make_app())
    make_waiting(endpoint, Turn.FRESH, 30)
    (old,) = statements().claim(1, LEASE)
    update_endpoint(endpoint, {"url": NEW_URL}, SYSTEM)
    statements().finish([failed(claim, retry_in=600) for claim in statements().claim(10, LEASE)])
    before = lane_of(endpoint)
    assert before.breaker == "open"

    statements().finish([succeeded(old)])

    lane = lane_of(endpoint)
    assert (lane.breaker, lane.open_until, lane.usual_ms) == ("open", before.open_until, None)
    assert (lane.failing_since, lane.failures_in_a_row) == (before.failing_since, 10)
    assert Delivery.objects.get(pk=old.delivery_id).status == "succeeded"


def test_what_the_new_url_answers_counts_beside_what_the_old_one_does() -> None:
    """S23."""
    endpoint = make_endpoint(make_app())
    make_waiting(endpoint, Turn.FRESH, 10)
    (old,) = statements().claim(1, LEASE)
    update_endpoint(endpoint, {"url": NEW_URL}, SYSTEM)
    first, second = statements().claim(2, LEASE)
    before = timezone.now()

    (report,) = statements().finish([is_busy(old, 3_600.0), is_busy(first, 60.0), is_gone(second)])

    lane = lane_of(endpoint)
    assert report.gone is True
    assert lane.paused_until is not None
    assert 60 <= (lane.paused_until - before).total_seconds() <= 62
    assert (lane.cap, lane.failures_in_a_row, lane.window_attempts) == (8, 2, 2)


def test_another_url_has_not_failed_for_as_long_as_the_old_one(engine: Engine, settings: Settings) -> None:
    settings.WEBHOOKS_DISABLE_AFTER = 3_600
    with Receiver(answers(answer("500 Internal Server Error"))) as receiver:
        endpoint = make_endpoint(make_app(), failing_since=timezone.now() - dt.timedelta(hours=2), cap=1)
        update_endpoint(endpoint, {"url": receiver.url()}, SYSTEM)
        make_waiting(endpoint, Turn.FRESH)
        engine.drain(None)

    endpoint.refresh_from_db()
    assert (len(receiver.requests), endpoint.disabled_at, lane_of(endpoint).cap) == (1, None, 16)
