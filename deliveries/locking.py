"""The one order of locks: an endpoint's lane first, then its row and its pending deliveries."""

import uuid

from deliveries.models import Lane


def lock_lane(endpoint_id: uuid.UUID) -> Lane:
    """Lock the endpoint's lane until the transaction ends, so that no claim picks from it meanwhile."""
    return Lane.objects.select_for_update().get(pk=endpoint_id)
