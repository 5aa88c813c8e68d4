from deliveries.models.attempt import Attempt, AttemptStatus
from deliveries.models.delivery import Delivery, DeliveryStatus, Turn
from deliveries.models.lane import Lane
from deliveries.models.replay import Replay, ReplayKind, ReplayStatus

__all__ = [
    "Attempt",
    "AttemptStatus",
    "Delivery",
    "DeliveryStatus",
    "Lane",
    "Replay",
    "ReplayKind",
    "ReplayStatus",
    "Turn",
]
