"""The OpenAPI document, and the page for people: Swagger UI from our own static files, without inline script (S35)."""

from typing import Any

from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from switera_webhooks.api.views import CompactJSONRenderer


class JSONErrors(APIView):
    """A view that answers something else than JSON, whose errors are JSON as everywhere in the API."""

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        if getattr(response, "exception", False):
            request.accepted_renderer = CompactJSONRenderer()
            request.accepted_media_type = CompactJSONRenderer.media_type
        return super().finalize_response(request, response, *args, **kwargs)


class SchemaView(JSONErrors, SpectacularAPIView):
    """The OpenAPI document, in YAML or JSON."""


class DocsView(JSONErrors, SpectacularSwaggerSplitView):
    """Reads the document at `/api/schema/`."""

    template_name = "api/docs.html"
