from django.apps import AppConfig


class SwiteraWebhooksConfig(AppConfig):
    """The project itself: its system checks."""

    name = "switera_webhooks"
    verbose_name = "Switera Webhooks"

    def ready(self) -> None:
        from switera_webhooks import checks  # noqa: F401  (registers the system checks)
