from django.apps import AppConfig


class EventsConfig(AppConfig):
    """What can happen and what did: the catalog, and emitting."""

    name = "events"
    verbose_name = "Events"
