"""What a person may do with one delivery: try it again now, or cancel what is waiting."""

from collections.abc import Mapping

from django.db import transaction

from deliveries.locking import lock_lane
from deliveries.models import Delivery, DeliveryStatus, Turn
from events.models import Event
from switera_webhooks.database import database_now
from switera_webhooks.nudge import nudge
from switera_webhooks.refusals import Conflict
from webhooks import audit
from webhooks.audit import Actor
from webhooks.models import Endpoint


def retry_delivery(delivery: Delivery, actor: Actor) -> Delivery:
    """One attempt now and, if it fails, the schedule from its start; attempt numbers go on.

    Raises Conflict while it is being sent, where its endpoint is deleted, or was given to an organization that the
    event is not of. On a disabled endpoint it is held with the others.
    """
    with transaction.atomic():
        lane = lock_lane(delivery.endpoint_id)
        if lane.closed:
            raise Conflict("The endpoint of this delivery is deleted: it cannot be retried.", code="endpoint_deleted")
        _refuse_of_others(delivery)
        now = database_now()
        # One guarded write: a worker that claimed it first wins.
        retried = (
            Delivery.objects.filter(pk=delivery.pk)
            .exclude(status=DeliveryStatus.SENDING)
            .update(status=DeliveryStatus.PENDING, due_at=now, turn=Turn.URGENT, schedule_position=0, lost_count=0)
        )
        if not retried:
            raise Conflict("This delivery is being sent: wait until it ends.", code="delivery_sending")
        lane.wait_from(Turn.URGENT, now)
        record_of_delivery(delivery, actor, "delivery.retried", {"status": [delivery.status, "pending"]})
        nudge()
    delivery.refresh_from_db()
    return delivery


def cancel_delivery(delivery: Delivery, actor: Actor) -> Delivery:
    """Cancel what waits for its first attempt or a retry. Raises Conflict in any other state."""
    with transaction.atomic():
        lane = lock_lane(delivery.endpoint_id)
        canceled = Delivery.objects.filter(pk=delivery.pk, status=DeliveryStatus.PENDING).update(
            status=DeliveryStatus.CANCELED, due_at=None
        )
        if not canceled:
            raise Conflict("Only a pending delivery can be canceled.", code="delivery_not_pending")
        lane.seq += 1
        lane.save(update_fields=["seq"])
        record_of_delivery(delivery, actor, "delivery.canceled", {"status": ["pending", "canceled"]})
    delivery.refresh_from_db()
    return delivery


def _refuse_of_others(delivery: Delivery) -> None:
    """One organization's endpoint receives only its events, whatever it received before it was given to it."""
    organization_id = Endpoint.objects.values_list("organization_id", flat=True).get(pk=delivery.endpoint_id)
    if organization_id is None or Event.objects.filter(pk=delivery.event_id, organization=organization_id).exists():
        return
    raise Conflict(
        "The endpoint belongs to an organization now that this event is not of: it cannot be retried.",
        code="other_organization",
    )


def record_of_delivery(delivery: Delivery, actor: Actor, action: str, changes: Mapping[str, object]) -> None:
    """Write one entry of the audit log about a delivery."""
    audit.record(
        delivery.app,
        actor,
        action,
        target_type="delivery",
        target_id=delivery.public_id,
        target_name=delivery.event_type,
        changes=changes,
        environment=delivery.environment,
    )
