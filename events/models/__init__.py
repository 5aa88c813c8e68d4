from events.models.emit_budget import EmitBudget
from events.models.event import Event
from events.models.event_type import EventType

__all__ = ["EmitBudget", "Event", "EventType"]
