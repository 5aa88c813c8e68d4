"""Lanes and apps take turns: what one claim, and one fan-out, takes of each."""

import datetime as dt
import uuid
from collections import Counter

import pytest
from django.utils import timezone

from deliveries.engine.statements import Claimed, statements
from deliveries.models import Delivery, Lane, Turn
from events.models import Event
from tests.deliveries.engine.rows import lane_of, make_app, make_endpoint, make_events, make_waiting, succeeded
from webhooks.models import App, Endpoint

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = dt.timedelta(minutes=1)


def busy_endpoints(app: App, count: int, backlog: int = 40, cap: int = 256) -> list[Endpoint]:
    endpoints = [make_endpoint(app, cap=cap) for _ in range(count)]
    for endpoint in endpoints:
        make_waiting(endpoint, Turn.FRESH, backlog)
    return endpoints


def by_endpoint(claimed: list[Claimed]) -> Counter[uuid.UUID]:
    return Counter(claim.endpoint_id for claim in claimed)


def by_app(claimed: list[Claimed]) -> Counter[uuid.UUID]:
    return Counter(claim.app_id for claim in claimed)


def test_the_lanes_of_one_app_share_evenly() -> None:
    endpoints = busy_endpoints(make_app(), 4)

    assert by_endpoint(statements().claim(32, 25)) == {endpoint.pk: 8 for endpoint in endpoints}


@pytest.mark.parametrize(("weight", "share"), [(1, 16), (3, 24), (7, 28)])
def test_apps_share_by_weight_however_many_lanes_they_have(weight: int, share: int) -> None:
    """Of 32: one lane alone against three of an app with weight 1."""
    crowd, alone = make_app(), make_app()
    App.objects.filter(pk=alone.pk).update(weight=weight)
    busy_endpoints(crowd, 4)
    (single,) = busy_endpoints(alone, 1)

    claimed = statements().claim(32, 25)

    assert by_app(claimed) == {crowd.pk: 32 - share, alone.pk: share}
    assert by_endpoint(claimed)[single.pk] == share


def test_a_share_is_no_more_than_the_lane_has_room_for() -> None:
    crowd, alone = make_app(), make_app()
    busy_endpoints(crowd, 1)
    busy_endpoints(alone, 1, cap=3)

    assert by_app(statements().claim(32, 25)) == {crowd.pk: 16, alone.pk: 3}


def test_endpoints_that_are_passed_over_are_left_alone() -> None:
    hung, quick = busy_endpoints(make_app(), 2)
    before = lane_of(hung)

    claimed = statements().claim(32, 25, [hung.pk])

    assert by_endpoint(claimed) == {quick.pk: 32}
    after = lane_of(hung)
    assert (after.seq, after.claimed_at, after.fresh_from) == (before.seq, None, before.fresh_from)
    assert by_endpoint(statements().claim(8, 25)) == {hung.pk: 4, quick.pk: 4}


@pytest.mark.parametrize(("lanes", "room"), [(3, 4), (10, 16), (20, 8)])
def test_every_lane_gets_its_share_where_the_room_does_not_divide_evenly(lanes: int, room: int) -> None:
    """Claim after claim with the same backlogs: nobody is last each time."""
    endpoints = busy_endpoints(make_app(), lanes, backlog=150)
    rounds = 60
    taken: Counter[uuid.UUID] = Counter()
    for _ in range(rounds):
        claimed = statements().claim(room, 25)
        assert len(claimed) == room
        taken += by_endpoint(claimed)
        statements().finish([succeeded(claim) for claim in claimed])

    fair = rounds * room / lanes
    assert set(taken) == {endpoint.pk for endpoint in endpoints}
    assert min(taken.values()) >= 0.75 * fair
    assert max(taken.values()) <= 1.25 * fair


def test_claims_go_round_the_lanes_the_longest_waiting_first() -> None:
    endpoints = busy_endpoints(make_app(), 4)

    rounds = [by_endpoint(statements().claim(2, 25)) for _ in range(4)]

    assert [sum(taken.values()) for taken in rounds] == [2, 2, 2, 2]
    assert set(rounds[0]) | set(rounds[1]) == {endpoint.pk for endpoint in endpoints}
    assert (rounds[2], rounds[3]) == (rounds[0], rounds[1])


@pytest.mark.parametrize("first", [True, False])
def test_an_app_that_comes_after_more_lanes_than_a_claim_takes_has_its_turn(first: bool) -> None:
    """On PostgreSQL in the very same claim; SQLite's simpler form comes to it with the lanes that wait longer."""
    apps = sorted((make_app(), make_app()), key=lambda app: app.pk, reverse=first)
    crowd, alone = apps
    busy_endpoints(crowd, 12)
    late = make_endpoint(alone, cap=256)
    make_waiting(late, Turn.FRESH, 40, timezone.now() - dt.timedelta(milliseconds=100))

    claims = [by_app(statements().claim(4, 25)) for _ in range(4)]

    assert sum(taken[alone.pk] for taken in claims) >= 2


@pytest.mark.postgresql
@pytest.mark.parametrize("first", [True, False])
def test_an_app_behind_more_lanes_than_a_claim_takes_gets_half_of_that_very_claim(first: bool) -> None:
    """SQLite looks at the longest waiting lanes alone: nobody runs a hundred apps there."""
    apps = sorted((make_app(), make_app()), key=lambda app: app.pk, reverse=first)
    crowd, alone = apps
    busy_endpoints(crowd, 12)
    late = make_endpoint(alone, cap=256)
    make_waiting(late, Turn.FRESH, 40, timezone.now() - dt.timedelta(milliseconds=100))

    assert by_app(statements().claim(8, 25)) == {crowd.pk: 4, alone.pk: 4}


def test_retries_of_other_lanes_have_a_place_beside_first_attempts() -> None:
    """A quarter of the lanes that a claim looks at are those whose retries have waited longest."""
    app = make_app()
    busy_endpoints(app, 12)
    retrying = make_endpoint(app, cap=256)
    make_waiting(retrying, Turn.RETRY, 10, timezone.now() - dt.timedelta(milliseconds=100))

    taken = sum((by_endpoint(statements().claim(8, 25)) for _ in range(4)), Counter())

    assert taken[retrying.pk] >= 2


def test_fan_out_takes_apps_in_turn() -> None:
    many, few = make_app(), make_app()
    make_endpoint(many)
    make_endpoint(few)
    first = make_events(many, 10)
    second = make_events(few, 3)

    assert statements().fan_out(4) == 4

    dispatched = set(Event.objects.exclude(dispatched_at=None).values_list("pk", flat=True))
    assert dispatched == {event.pk for event in [*first[:2], *second[:2]]}
    assert statements().fan_out(4) == 4
    assert Event.objects.filter(app=few, dispatched_at=None).count() == 0
    assert Event.objects.filter(app=many, dispatched_at=None).count() == 5


def test_fan_out_makes_some_so_many_deliveries_and_the_events_beyond_wait() -> None:
    app = make_app()
    for _ in range(3):
        make_endpoint(app)
    events = make_events(app, 5)

    assert statements().fan_out(100, 4) == 2

    assert Delivery.objects.count() == 6
    assert set(Event.objects.filter(dispatched_at=None).values_list("pk", flat=True)) == {e.pk for e in events[2:]}
    assert statements().fan_out(100, 1) == 1
    assert statements().fan_out(100, 1_000) == 2
    assert Delivery.objects.count() == 15


def test_for_fan_outs_bound_those_that_do_not_subscribe_count_too() -> None:
    """To find out who subscribes is the work, also where nobody does."""
    app = make_app("order.paid", "order.shipped")
    for pattern in ("order.paid", "order.shipped", "order.shipped"):
        make_endpoint(app, pattern)
    make_endpoint(app, environment="test")
    make_endpoint(make_app())
    make_events(app, 5)

    assert statements().fan_out(100, 4) == 2

    assert Delivery.objects.count() == 2
    assert statements().fan_out(100, 7) == 3
    assert Delivery.objects.count() == 5


def test_fan_out_of_an_event_for_more_endpoints_than_the_bound_is_whole() -> None:
    app = make_app()
    for _ in range(5):
        make_endpoint(app)
    make_events(app)

    assert statements().fan_out(100, 2) == 1
    assert Delivery.objects.count() == 5
    assert Lane.objects.exclude(fresh_from=None).count() == 5


def test_an_app_with_more_endpoints_than_the_bound_keeps_no_other_app_waiting() -> None:
    big, small = make_app(), make_app()
    for _ in range(3):
        make_endpoint(big)
    for _ in range(2):
        make_endpoint(small)
    make_events(big, 5)
    (late,) = make_events(small, 1)
    hot = statements()

    assert [hot.fan_out(100, 2), hot.fan_out(100, 2)] == [1, 1]

    late.refresh_from_db()
    assert late.dispatched_at is not None
    assert Event.objects.filter(app=big, dispatched_at=None).count() == 4
    while hot.fan_out(100, 2):
        pass
    assert not Event.objects.filter(dispatched_at=None).exists()
    assert Delivery.objects.count() == 17
