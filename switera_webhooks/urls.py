"""All routes."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from switera_webhooks.api.health import HealthView

handler400 = "switera_webhooks.api.errors.bad_request"
handler500 = "switera_webhooks.api.errors.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("webhooks.urls")),
    path("api/", include("switera_webhooks.api.urls")),
    path("admin/", admin.site.urls),
    path("livez", HealthView.as_view(), name="livez"),
    path("readyz", HealthView.as_view(), name="readyz"),
]
