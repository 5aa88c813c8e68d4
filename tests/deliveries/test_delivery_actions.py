"""What a person may do with one delivery: retry it, or cancel what waits."""

import pytest

from deliveries.delivery_actions import cancel_delivery, retry_delivery
from deliveries.engine.statements import statements
from deliveries.models import Delivery
from switera_webhooks.refusals import Conflict
from tests.deliveries.engine.rows import failed, make_app, make_endpoint, make_events, succeeded
from tests.deliveries.refusing import refused
from tests.factories import ACTOR
from webhooks.models import AuditEntry

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("status", ["failed", "succeeded", "canceled", "pending"])
def test_a_retry_makes_one_attempt_now_and_starts_the_schedule_anew(status: str) -> None:
    app = make_app()
    make_endpoint(app)
    make_events(app)
    statements().fan_out(10)
    (claim,) = statements().claim(10, 25)
    ends = {"failed": failed(claim, None), "succeeded": succeeded(claim)}
    statements().finish([ends.get(status, failed(claim, retry_in=3600))])
    delivery = Delivery.objects.get()
    if status == "canceled":
        cancel_delivery(delivery, ACTOR)
    assert (delivery.status, delivery.attempt_count) == (status, 1)

    retried = retry_delivery(delivery, ACTOR)

    assert (retried.status, retried.schedule_position, retried.attempt_count) == ("pending", 0, 1)
    (again,) = statements().claim(10, 25)
    assert (again.attempt_count, again.schedule_position, again.event_id) == (1, 0, claim.event_id)
    assert AuditEntry.objects.get(action="delivery.retried").target_id == delivery.public_id


def test_a_delivery_that_is_being_sent_is_neither_retried_nor_canceled() -> None:
    app = make_app()
    make_endpoint(app)
    make_events(app)
    statements().fan_out(10)
    statements().claim(10, 25)
    delivery = Delivery.objects.get()

    assert refused(lambda: retry_delivery(delivery, ACTOR), Conflict).code == "delivery_sending"
    assert refused(lambda: cancel_delivery(delivery, ACTOR), Conflict).code == "delivery_not_pending"

    assert Delivery.objects.get().status == "sending"


def test_only_what_is_pending_is_canceled_and_a_canceled_delivery_is_not_sent() -> None:
    app = make_app()
    make_endpoint(app)
    make_events(app)
    statements().fan_out(10)
    delivery = Delivery.objects.get()

    canceled = cancel_delivery(delivery, ACTOR)

    assert (canceled.status, canceled.due_at) == ("canceled", None)
    assert statements().claim(10, 25) == []
    assert refused(lambda: cancel_delivery(delivery, ACTOR), Conflict).code == "delivery_not_pending"
