"""Every error of the REST API as `{"code", "message", "details"}` with the right status.

`code` is for programs, `message` one sentence for people, `details` maps a field to its sentences
(product.md section 6).
"""

import logging
import sys
import traceback
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.signals import got_request_exception
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response

from switera_webhooks.pages import errors as pages
from switera_webhooks.refusals import InvalidInput, LimitReached, Refusal

logger = logging.getLogger(__name__)

NOT_FOUND = "Nothing is here: check the path and the ids in it."
INTERNAL_ERROR = "Something failed on our side: try again, and report it if it stays."

_API_CODES: dict[type[exceptions.APIException], str] = {
    exceptions.NotAuthenticated: "unauthorized",
    exceptions.AuthenticationFailed: "unauthorized",
    exceptions.PermissionDenied: "forbidden",
    exceptions.NotFound: "not_found",
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.UnsupportedMediaType: "unsupported_media_type",
}


class MalformedBody(exceptions.APIException):
    """The request's body is no JSON that can be read (400)."""

    status_code = 400

    def __init__(self, problem: str) -> None:
        super().__init__(f"The body is not valid JSON: {problem}")
        self.problem = problem


def error_body(code: str, message: str, details: Mapping[str, object] | None = None) -> dict[str, object]:
    """The one shape of every error."""
    return {"code": code, "message": message, "details": dict(details or {})}


def invalid_fields(details: Mapping[str, object], code: str = "invalid") -> InvalidInput:
    """The refusal of a request whose fields are wrong; `details` maps each to its sentences."""
    names = ", ".join(details)
    return InvalidInput(f"Correct these fields of the request: {names}.", code=code, details=details)


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """What DRF calls with whatever a view raised. Nothing goes on to Django's HTML pages."""
    if isinstance(error, Refusal):
        return _of_refusal(error)
    if isinstance(error, exceptions.ValidationError):
        return _of_refusal(invalid_fields(_sentences(error.detail)))
    if isinstance(error, MalformedBody):
        body = error_body("malformed_json", str(error.detail), {"body": [error.problem]})
        return Response(body, status=error.status_code)
    if isinstance(error, Http404 | exceptions.NotFound):
        return Response(error_body("not_found", NOT_FOUND), status=404)
    if isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, exceptions.APIException):
        return _of_api_exception(error, context)
    return _of_defect(context)


def _of_refusal(refusal: Refusal) -> Response:
    headers = {"Retry-After": str(refusal.retry_after)} if isinstance(refusal, LimitReached) else None
    body = error_body(refusal.code, refusal.message, refusal.details)
    return Response(body, status=refusal.status, headers=headers)


def _of_api_exception(error: exceptions.APIException, context: Mapping[str, Any]) -> Response:
    headers = {}
    message = str(error.detail)
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if isinstance(error, exceptions.MethodNotAllowed):
        message = f"This path does not take {context['request'].method}: use {_allowed(context)}."
    if isinstance(error, exceptions.UnsupportedMediaType):
        message = "Send the body as JSON, with the header Content-Type: application/json."
    code = next((code for kind, code in _API_CODES.items() if isinstance(error, kind)), "refused")
    return Response(error_body(code, message), status=error.status_code, headers=headers)


def _allowed(context: Mapping[str, Any]) -> str:
    return " or ".join(method for method in context["view"].allowed_methods if method != "HEAD")


def _of_defect(context: Mapping[str, Any]) -> Response:
    """A defect of ours: the log gets its stack, not the exception's text, which may quote a payload (S31)."""
    kind, _, trace = sys.exc_info()
    request = context["request"]._request
    logger.error(
        "%s in %s %s\n%s",
        kind.__name__ if kind else "Exception",
        request.method,
        request.resolver_match.route if request.resolver_match else "",
        "".join(traceback.format_tb(trace)),
    )
    got_request_exception.send(sender=None, request=request)
    return Response(error_body("internal_error", INTERNAL_ERROR), status=500)


def _sentences(detail: Any) -> dict[str, object]:
    """DRF's details with text keys all the way down, and `body` for what belongs to no field."""
    if not isinstance(detail, dict):
        return {"body": [str(sentence) for sentence in detail]}
    return {
        "body" if key == "non_field_errors" else str(key): _sentences(value)
        if isinstance(value, dict)
        else [str(sentence) for sentence in value]
        for key, value in detail.items()
    }


# What answers outside of any API view ------------------------------------------------------------


def _is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")


def _plain_answer(status: int, code: str, message: str) -> HttpResponse:
    # Compact, as DRF's answers are: a path that is no route looks like an id that is not there.
    compact = {"separators": (",", ":"), "ensure_ascii": False}
    return JsonResponse(error_body(code, message), status=status, json_dumps_params=compact)


@csrf_exempt
def unmatched(request: HttpRequest) -> HttpResponse:
    """Whatever path under /api/ is no route."""
    return _plain_answer(404, "not_found", NOT_FOUND)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400, such as for a Host header that is not ours."""
    if not _is_api(request):
        return pages.bad_request(request)
    return _plain_answer(400, "bad_request", "The request cannot be served: check its Host header.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500, for what fails before a view is reached."""
    if not _is_api(request):
        return pages.server_error(request)
    return _plain_answer(500, "internal_error", INTERNAL_ERROR)
