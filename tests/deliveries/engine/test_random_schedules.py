"""Whatever happens in whatever order, lanes tell the truth about their deliveries, and in the end all have ended."""

import datetime as dt
import random
import uuid

import pytest
from django.db.models import Min
from django.utils import timezone

from deliveries.delivery_actions import retry_delivery
from deliveries.endpoints import disable_endpoint, enable_endpoint
from deliveries.engine.statements import Claimed, Result, statements
from deliveries.models import Attempt, Delivery, Lane, Turn
from deliveries.models.lane import CAP_AT_LEAST, CAP_AT_MOST
from deliveries.test_send import send_test
from tests.deliveries.engine.rows import failed, make_app, make_due, make_endpoint, make_events, succeeded
from webhooks.audit import SYSTEM
from webhooks.models import DisabledReason, Endpoint

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = 80
FROM = {Turn.URGENT: "urgent_from", Turn.FRESH: "fresh_from", Turn.RETRY: "retry_from"}


def ends(chance: random.Random, claim: Claimed) -> Result:
    """A success, a failure with or without a retry, an endpoint with too much to do, a pause."""
    kind = chance.random()
    if kind < 0.5:
        return succeeded(claim)._replace(duration_ms=chance.randint(1, 400))
    result = failed(claim, retry_in=chance.choice((0.0, 30.0, None)))
    slow = kind > 0.8
    return result._replace(slow=slow, pause=20.0 if slow and kind > 0.9 else None)


def check_lanes() -> None:
    """Slots are the leases that there are; a lane never says later than the earliest that waits and may go."""
    for lane in Lane.objects.all():
        own = Delivery.objects.filter(endpoint=lane.pk)
        assert lane.in_flight == own.filter(status="sending").count()
        assert CAP_AT_LEAST <= lane.cap <= CAP_AT_MOST
        for turn, name in FROM.items():
            waiting = own.filter(status="pending", turn=turn)
            if lane.held:  # what is held is found again when the endpoint is enabled
                waiting = waiting.filter(test=True)
            earliest = waiting.aggregate(earliest=Min("due_at"))["earliest"]
            said = getattr(lane, name)
            assert earliest is None or (said is not None and said <= earliest), (name, said, earliest)


def let_time_pass(chance: random.Random) -> None:
    """Retries are due, breakers half-open, pauses over: for all, or for none."""
    if chance.random() < 0.5:
        make_due(Delivery.objects.all())
        past = timezone.now() - dt.timedelta(milliseconds=5)
        Lane.objects.exclude(open_until=None).update(open_until=past)
        Lane.objects.update(paused_until=None, paced_until=None)


@pytest.mark.parametrize("seed", range(1, 7))
def test_lanes_tell_the_truth_and_nothing_is_lost_or_sent_twice(seed: int) -> None:
    chance = random.Random(seed)
    app = make_app()
    endpoints: list[Endpoint] = [
        make_endpoint(app, cap=chance.choice((1, 3, 16)), rate=rate) for rate in (None, None, 20)
    ]
    in_flight: list[Claimed] = []
    leases: set[tuple[uuid.UUID, uuid.UUID]] = set()
    sent = 0
    for _ in range(STEPS):
        step = chance.choice(("emit", "claim", "claim", "claim", "finish", "finish", "pass", "person"))
        if step == "emit":
            make_events(app, chance.randint(1, 4))
            statements().fan_out(chance.choice((1, 100)), chance.choice((1, 2_000)))
        elif step == "claim":
            claimed = statements().claim(chance.choice((1, 3, 30)), 25)
            assert leases.isdisjoint((claim.delivery_id, claim.lease) for claim in claimed)
            leases.update((claim.delivery_id, claim.lease) for claim in claimed)
            in_flight += claimed
        elif step == "finish" and in_flight:
            chance.shuffle(in_flight)
            number = chance.randint(1, len(in_flight))
            group, in_flight = in_flight[:number], in_flight[number:]
            reports = statements().finish([ends(chance, claim) for claim in group])
            assert sum(report.finished for report in reports) == len(group)
            sent += len(group)
        elif step == "pass":
            let_time_pass(chance)
        elif step == "person":
            endpoint = chance.choice(endpoints)
            action = chance.choice(("test", "retry", "disable", "enable"))
            waiting = Delivery.objects.filter(endpoint=endpoint).exclude(status="sending").first()
            if action == "test":
                send_test(endpoint, "order.paid", SYSTEM)
            elif action == "retry" and waiting is not None:
                retry_delivery(waiting, SYSTEM)
            elif action == "disable":
                disable_endpoint(endpoint, DisabledReason.MANUAL, SYSTEM)
            else:
                enable_endpoint(endpoint, SYSTEM)
        check_lanes()

    assert sent + len(in_flight) == len(leases)
    assert Attempt.objects.count() == sent
    for endpoint in endpoints:
        enable_endpoint(endpoint, SYSTEM)
    statements().finish([succeeded(claim) for claim in in_flight])
    for _ in range(400):
        statements().fan_out(100)
        make_due(Delivery.objects.all())
        Lane.objects.update(open_until=None, paused_until=None, paced_until=None, tokens_at=None)
        statements().finish([succeeded(claim) for claim in statements().claim(100, 25)])
        check_lanes()
        if not Delivery.objects.filter(status__in=("pending", "sending")).exists():
            break
    assert set(Delivery.objects.values_list("status", flat=True)) <= {"succeeded", "failed"}
    assert set(Lane.objects.values_list("in_flight", "urgent_from", "fresh_from", "retry_from")) == {
        (0, None, None, None)
    }
