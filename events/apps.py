from importlib.util import find_spec

from django.apps import AppConfig


class EventsConfig(AppConfig):
    """What can happen and what did: the catalog, and emitting."""

    name = "events"
    verbose_name = "Events"

    def ready(self) -> None:
        # Importing them connects them to what happens, and registers the checks.
        from events import checks  # noqa: F401
        from events.sources import app, auth, organization, webhook  # noqa: F401

        if find_spec("anymail"):
            from events.sources import mail_tracking  # noqa: F401
