"""Everything under `/api/`. What is no route answers 404 in JSON, not a page."""

from django.urls import include, path, re_path

from switera_webhooks.api.docs import DocsView, SchemaView
from switera_webhooks.api.errors import unmatched

urlpatterns = [
    path(
        "v1/apps/<str:app>/",
        include([path("", include(f"{room}.api.urls")) for room in ("events", "deliveries", "webhooks")]),
    ),
    path("v1/platform/", include("events.api.platform_urls")),
    path("schema/", SchemaView.as_view(), name="schema"),
    path("docs/", DocsView.as_view(), name="docs"),
    # Without their slash these two are redirected to the path with it.
    re_path(r"^(?!docs$|schema$)", unmatched),
]
