from django.apps import AppConfig
from django.db.backends.signals import connection_created


class SwiteraWebhooksConfig(AppConfig):
    """The project itself: system checks, and what every database connection needs."""

    name = "switera_webhooks"
    verbose_name = "Switera Webhooks"

    def ready(self) -> None:
        from switera_webhooks import checks  # noqa: F401  (registers the system checks)
        from switera_webhooks.database import on_connection_created

        connection_created.connect(on_connection_created)
