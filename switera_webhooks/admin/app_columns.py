"""The app that a row is of, as the admin's lists and pages show it."""

from django.contrib import admin
from django.utils.safestring import SafeString

from deliveries.models import Delivery, Lane, Replay
from events.models import Event
from switera_webhooks.admin.shown import in_app, object_link
from webhooks.models import App, Endpoint


class AppColumns:
    """For an admin whose `list_select_related` names the app."""

    @admin.display(description="app")
    def app_(self, row: Delivery | Endpoint | Event | Lane | Replay) -> SafeString:
        return object_link(App, row.app_id, row.app.name)

    @admin.display(description="app")
    def in_app_(self, row: Delivery | Endpoint | Event) -> SafeString:
        """With the environment, unless that is live."""
        return object_link(App, row.app_id, in_app(row.app.name, row.environment))
