"""The page for people: Swagger UI from our own static files, without inline script or style (S35)."""

from drf_spectacular.views import SpectacularSwaggerSplitView


class DocsView(SpectacularSwaggerSplitView):
    """Reads the document at `/api/schema/`."""

    template_name = "api/docs.html"
