from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    """Apps, memberships, organizations, keys, endpoints, secrets, health and the audit log."""

    name = "webhooks"
    verbose_name = "Webhook service"
