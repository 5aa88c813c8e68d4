from events.models.event import Event
from events.models.event_type import EventType

__all__ = ["Event", "EventType"]
