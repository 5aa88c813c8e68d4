from django.apps import AppConfig


class DeliveriesConfig(AppConfig):
    """Getting events to their endpoints, and the record of every attempt."""

    name = "deliveries"
    verbose_name = "Deliveries"
