"""The one order of locks: an endpoint's lane first, then its row and its pending deliveries.

Rows are locked FOR NO KEY UPDATE: rows that refer to them, which fan-out and attempts insert, need not wait.
"""

import uuid
from collections.abc import Collection

from deliveries.models import Lane
from switera_webhooks.refusals import Conflict
from webhooks.models import Endpoint


def lock_lane(endpoint_id: uuid.UUID) -> Lane:
    """Lock the endpoint's lane until the transaction ends, so that no claim picks from it meanwhile."""
    return Lane.objects.select_for_update(no_key=True).get(pk=endpoint_id)


def lock_open_lanes(endpoints: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """Lock these endpoints' lanes, in the order in which everybody locks several; those that are not deleted."""
    locked = Lane.objects.select_for_update(no_key=True).filter(pk__in=endpoints).order_by("pk")
    return [lane.pk for lane in locked if not lane.closed]


def lock_endpoint(endpoint: Endpoint) -> tuple[Lane, Endpoint]:
    """Lock lane and endpoint; both as they are now. Raises Conflict where the endpoint was deleted meanwhile."""
    lane = lock_lane(endpoint.pk)
    current = Endpoint.objects.select_for_update(of=("self",), no_key=True).select_related("app").get(pk=endpoint.pk)
    if current.deleted_at is not None:
        raise Conflict("This endpoint is deleted.", code="endpoint_deleted")
    return lane, current
