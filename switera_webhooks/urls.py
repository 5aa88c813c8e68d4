"""All routes. The pages of an app are there once for each environment, so that an address says what it shows."""

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from switera_webhooks.api.health import HealthView
from switera_webhooks.environments import Environment

handler400 = "switera_webhooks.api.errors.bad_request"
handler403 = "switera_webhooks.pages.errors.permission_denied"
handler404 = "switera_webhooks.pages.errors.page_not_found"
handler500 = "switera_webhooks.api.errors.server_error"

# `{% url 'pages:endpoints' app.slug %}` stays in the environment of the page that says it.
_TABS: list[URLPattern | URLResolver] = [
    path("webhooks/", include(f"{room}.views.urls")) for room in ("deliveries", "webhooks", "events")
]
_PAGES = ([*_TABS, path("", include("webhooks.views.section_urls"))], "pages")


def _mail_tracking() -> list[URLPattern | URLResolver]:
    """Where mail services tell what became of mails; without a secret anybody could, so then there are no routes."""
    if settings.ANYMAIL.get("WEBHOOK_SECRET") and apps.is_installed("anymail"):
        return [path("anymail/", include("events.views.mail_services"))]
    return []


urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("webhooks.urls")),
    path("apps/<slug:slug>/", include(_PAGES, "live"), {"environment": Environment.LIVE}),
    path("apps/<slug:slug>/test/", include(_PAGES, "test"), {"environment": Environment.TEST}),
    *_mail_tracking(),
    path("api/", include("switera_webhooks.api.urls")),
    path("admin/", admin.site.urls),
    path("livez", HealthView.as_view(), name="livez"),
    path("readyz", HealthView.as_view(), name="readyz"),
]
