"""Errors as people see them: what happened in a sentence, and a way on. The REST API has its own (api/errors.py).

These pages read nothing from the database, so that they come when it does not.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from switera_webhooks.pages.theme import chosen_theme
from switera_webhooks.refusals import LimitReached, Refusal

_TITLES = {
    400: "That request cannot be served",
    403: "You may not do that",
    404: "Nothing is here",
    409: "That is not possible now",
    413: "That is too large",
    429: "Too many of these for now",
}
_NOT_FOUND = (
    "The address is mistyped, what was here is deleted, or it belongs to an app that you are not a member of. "
    "Check the address, or begin from your apps."
)


def error_page(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    """The page of an error, or for a request by htmx the notice that is shown on the page that made it."""
    context = {"status": status, "title": _TITLES[status], "sentence": sentence}
    if request.headers.get("HX-Request") == "true":
        response = render(request, "components/notice.html", {"level": "bad", "text": sentence}, status=status)
        response.headers["HX-Retarget"] = "#notices"
        response.headers["HX-Reswap"] = "beforeend"
        return response
    return render(request, "errors/error.html", context, status=status)


def tell_when(response: HttpResponse, refusal: Refusal) -> HttpResponse:
    """The response, with Retry-After where the refusal says from when on it may be tried again."""
    if isinstance(refusal, LimitReached):
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


def bad_request(request: HttpRequest) -> HttpResponse:
    """Django's handler400, such as for a Host header that is not ours."""
    return error_page(request, 400, "Check the address: this service does not answer to it, or not to such a request.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler403."""
    return error_page(request, 403, "Ask an owner of the app for the role that this takes.")


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's handler404; also the one answer for what is missing and what belongs to others (S33)."""
    return error_page(request, 404, _NOT_FOUND)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without its token: from another site, or from a page older than the session (S36)."""
    return error_page(
        request,
        403,
        "Nothing was changed, because the form did not carry the token of your session. Go back, reload the page, and "
        "send it again; your browser must allow cookies.",
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: no context processor and no database, whichever of them failed."""
    return HttpResponse(render_to_string("errors/500.html", {"theme": chosen_theme(request)}), status=500)
