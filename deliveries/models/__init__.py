from deliveries.models.app_deletion import AppDeletion
from deliveries.models.attempt import Attempt, AttemptStatus
from deliveries.models.delivery import Delivery, DeliveryStatus, Turn
from deliveries.models.lane import Lane
from deliveries.models.replay import Replay, ReplayKind, ReplayStatus
from deliveries.models.tally import AppTally, EndpointTally, EventTypeTally, FailureTally, TallyProgress

__all__ = [
    "AppDeletion",
    "AppTally",
    "Attempt",
    "AttemptStatus",
    "Delivery",
    "DeliveryStatus",
    "EndpointTally",
    "EventTypeTally",
    "FailureTally",
    "Lane",
    "Replay",
    "ReplayKind",
    "ReplayStatus",
    "TallyProgress",
    "Turn",
]
