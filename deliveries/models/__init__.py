from deliveries.models.attempt import Attempt, AttemptStatus
from deliveries.models.delivery import Delivery, DeliveryStatus, Turn
from deliveries.models.lane import Lane

__all__ = ["Attempt", "AttemptStatus", "Delivery", "DeliveryStatus", "Lane", "Turn"]
