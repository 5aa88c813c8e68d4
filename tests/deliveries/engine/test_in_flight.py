"""What a process has on the wire: endpoints that hang hold a share of its slots at most, and no slot is lost."""

import time
import uuid
from collections import Counter

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from deliveries.engine import in_flight, sweep
from deliveries.engine.drain import Engine
from deliveries.engine.in_flight import InFlight
from deliveries.engine.statements import Claimed, statements
from deliveries.models import Delivery, Lane, Turn
from deliveries.transport.requests_sender import RequestsSender
from deliveries.transport.sender import Sender
from deliveries.transport.tls import client_context
from tests.deliveries.engine.clocks import Clock
from tests.deliveries.engine.rows import lane_of, make_app, make_endpoint, make_waiting, succeeded
from tests.receivers.behaviours import answer, answers, never_answers
from tests.receivers.server import Receiver
from webhooks.destinations.acceptance import configured_judge

SLOTS = 64


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(in_flight, "time", clock)
    return clock


def claims(number: int) -> list[Claimed]:
    """Deliveries of one endpoint."""
    endpoint = uuid.uuid4()
    return [
        Claimed(uuid.uuid4(), uuid.uuid4(), endpoint, 1, uuid.uuid4(), uuid.uuid4(), "order.paid", 0, 0, "{}")
        for _ in range(number)
    ]


def test_an_endpoint_with_a_quarter_of_the_slots_is_passed_over_until_it_has_fewer(clock: Clock) -> None:
    on_the_wire = InFlight()
    full, other = claims(16), claims(15)
    on_the_wire.add([*full, *other])
    assert on_the_wire.passed_over(SLOTS) == (full[0].endpoint_id,)

    on_the_wire.remove(full[:1])
    clock.now += 0.11

    assert on_the_wire.passed_over(SLOTS) == ()
    on_the_wire.add(full[:1])
    clock.now += 0.11
    assert on_the_wire.passed_over(SLOTS) == (full[0].endpoint_id,)


def test_with_less_than_a_quarter_of_the_slots_in_flight_nobody_is_looked_for(clock: Clock) -> None:
    on_the_wire = InFlight()
    slow = claims(15)
    on_the_wire.add(slow)
    clock.now += 60
    assert on_the_wire.passed_over(SLOTS) == ()

    on_the_wire.add(claims(1))
    assert on_the_wire.passed_over(SLOTS) == ()
    clock.now += 0.11
    assert on_the_wire.passed_over(60) == (slow[0].endpoint_id,)


def test_endpoints_that_keep_requests_waiting_hold_half_of_the_slots_together(clock: Clock) -> None:
    on_the_wire = InFlight()
    slow = [claims(8) for _ in range(4)]
    quick = claims(10)
    for own in slow:
        on_the_wire.add(own)
    clock.now += 0.99
    on_the_wire.add(quick)
    assert on_the_wire.passed_over(SLOTS) == ()

    clock.now += 0.11

    assert set(on_the_wire.passed_over(SLOTS)) == {own[0].endpoint_id for own in slow}
    on_the_wire.remove(slow[0][:1])
    clock.now += 0.11
    assert on_the_wire.passed_over(SLOTS) == ()


def test_one_request_that_waits_makes_all_of_its_endpoints_slow(clock: Clock) -> None:
    on_the_wire = InFlight()
    first, second, third = claims(11), claims(11), claims(10)
    on_the_wire.add([first[0], second[0], third[0]])
    clock.now += 1.0
    on_the_wire.add([*first[1:], *second[1:], *third[1:]])

    assert set(on_the_wire.passed_over(SLOTS)) == {own[0].endpoint_id for own in (first, second, third)}


def few_slots() -> Sender:
    return RequestsSender(configured_judge(), client_context(django_settings.WEBHOOKS_CA_BUNDLE), slots=8)


@pytest.mark.django_db(transaction=True)
def test_an_endpoint_that_hangs_leaves_slots_to_the_others_however_large_its_cap(settings: Settings) -> None:
    """All deliveries of the healthy one end while those that hang are still on the wire."""
    settings.WEBHOOKS_TIMEOUT = 6.0
    app = make_app()
    engine = Engine(few_slots)
    with Receiver(never_answers) as silent, Receiver(answers(answer("204 No Content"))) as healthy:
        hung = make_endpoint(app, url=silent.url(), cap=256)
        quick = make_endpoint(app, url=healthy.url(), cap=256)
        make_waiting(hung, Turn.FRESH, 100)
        make_waiting(quick, Turn.FRESH, 60)
        until = time.monotonic() + 5
        while Delivery.objects.filter(endpoint=quick, status="succeeded").count() < 60 and time.monotonic() < until:
            engine.drain(0.2)
        statuses = Counter(Delivery.objects.values_list("endpoint_id", "status"))
        engine.close()

    # A quarter of eight slots.
    assert statuses == {(quick.pk, "succeeded"): 60, (hung.pk, "sending"): 2, (hung.pk, "pending"): 98}
    assert set(Lane.objects.values_list("in_flight", flat=True)) == {0}


@pytest.mark.django_db(transaction=True)
def test_slots_that_leaked_are_counted_again_and_a_lane_that_is_right_is_left_alone() -> None:
    app = make_app()
    leaked, forgotten, right = (make_endpoint(app) for _ in range(3))
    for endpoint in (leaked, forgotten, right):
        make_waiting(endpoint, Turn.FRESH, 4)
    claimed = statements().claim(12, 25)
    gone = next(claim.delivery_id for claim in claimed if claim.endpoint_id == leaked.pk)
    Delivery.objects.get(pk=gone).delete()
    Lane.objects.filter(pk=forgotten.pk).update(in_flight=0)
    before = Lane.objects.filter(pk=right.pk).values().get()
    assert (lane_of(leaked).in_flight, lane_of(right).in_flight) == (4, 4)

    assert statements().recount() == 2

    assert (lane_of(leaked).in_flight, lane_of(forgotten).in_flight) == (3, 4)
    assert Lane.objects.filter(pk=right.pk).values().get() == before
    assert statements().recount() == 0
    statements().finish([succeeded(claim) for claim in claimed])
    assert set(Lane.objects.values_list("in_flight", flat=True)) == {0}


@pytest.mark.django_db(transaction=True)
def test_the_sweep_counts_slots_again_once_a_minute(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(sweep, "time", clock)
    monkeypatch.setattr(sweep, "_recounted_at", 0.0)
    endpoint = make_endpoint(make_app(), cap=4)
    in_flights = []
    for seconds in (0, 59, 1):
        Lane.objects.update(in_flight=4)
        clock.now += seconds
        sweep.sweep()
        in_flights.append(lane_of(endpoint).in_flight)

    assert in_flights == [0, 4, 0]
