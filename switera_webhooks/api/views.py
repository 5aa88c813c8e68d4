"""The base of every REST view: JSON in, JSON out, no cookies, no session, nothing kept by caches."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpRequest
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.utils.mediatypes import media_type_matches
from rest_framework.views import APIView

from switera_webhooks.api.errors import invalid_fields
from switera_webhooks.api.fields import unknown_fields
from switera_webhooks.api.parsing import StrictJSONParser

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_encode_escaped = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


class EncodedJSON(bytes):
    """An answer that is JSON already."""


class CompactJSONRenderer(BaseRenderer):
    """JSON in UTF-8 of plain values, without DRF's detours."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, *_: Any, **__: Any) -> bytes:
        if data is None:
            return b""
        if isinstance(data, EncodedJSON):
            return data
        try:
            return _encode(data).encode()
        except UnicodeEncodeError:  # half of a surrogate pair, which an event emitted in code may hold
            return _encode_escaped(data).encode()


class AlwaysJSON(BaseContentNegotiation):
    """JSON whatever the Accept header prefers: a browser at an API path gets the answer, not 406."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        for parser in parsers:
            if media_type_matches(parser.media_type, request.content_type):
                return parser
        return None

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)


class JSONView(APIView):
    """Parses and answers JSON; subclasses say who may."""

    parser_classes = [StrictJSONParser]
    renderer_classes = [CompactJSONRenderer]
    content_negotiation_class = AlwaysJSON
    http_method_names = ["get", "post", "patch", "delete", "head"]
    throttle_classes = []

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        drf_request = super().initialize_request(request, *args, **kwargs)
        if "HTTP_TRANSFER_ENCODING" in request.META and request.META.get("wsgi.input_terminated"):
            # A chunked body has no length, which Django takes for none; the server says that its stream ends.
            drf_request._stream = request.META["wsgi.input"]
        return drf_request

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response.headers["Cache-Control"] = "no-store"
        return super().finalize_response(request, response, *args, **kwargs)


# Facts that may have changed since an object was read.
_MOVING = {"updated_at", "health", "held_count", "disabled_reason"}


def body_object(request: Request) -> Mapping[str, Any]:
    """The request's body, which must be a JSON object. Raises InvalidInput."""
    body = request.data
    if not isinstance(body, Mapping):
        raise invalid_fields({"body": ["Give a JSON object."]})
    return body


def validated_body(
    form: type[Serializer[Any]], request: Request, *, shown: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What the body says, checked by the form; a field that the form does not know is refused.

    A body that changes an object, which is `shown` so, may leave fields out, and may be the object as it was read,
    edited: what only the product sets is passed over as long as it is the same, or moves by itself.
    """
    body = body_object(request)
    serializer = form(data=body, partial=shown is not None)
    same = {name for name, value in (shown or {}).items() if name in _MOVING or body.get(name) == value}
    if unknown := unknown_fields(body, {*serializer.fields, *same}):
        raise unknown
    serializer.is_valid(raise_exception=True)
    values: dict[str, Any] = serializer.validated_data
    return values


def validated_query(form: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """What the query parameters say, checked by the form."""
    repeated = [name for name, values in request.query_params.lists() if len(values) > 1]
    if repeated:
        raise invalid_fields({name: ["Give it once."] for name in repeated})
    serializer = form(data=request.query_params.dict())
    serializer.is_valid(raise_exception=True)
    values: dict[str, Any] = serializer.validated_data
    return values
