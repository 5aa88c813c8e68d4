"""What the OpenAPI document says of every operation alike: answers, errors, headers, ids in the path."""

from typing import Any

from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema_serializer,
)
from rest_framework import serializers

from switera_webhooks.api.fields import TextField


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A field is wrong",
            {
                "code": "invalid",
                "message": "Correct these fields of the request: limit.",
                "details": {"limit": ["Give a whole number."]},
            },
        )
    ]
)
class ErrorSerializer(serializers.Serializer[Any]):
    """Every error of the API."""

    code = TextField(help_text="For programs, such as `invalid` or `not_found`.")
    message = TextField(help_text="One sentence for people.")
    details = serializers.DictField(help_text="The fields that are wrong, each with its sentences.")


_MEANINGS = {
    200: "As it is now.",
    201: "Created.",
    202: "Accepted, and committed.",
    204: "Gone.",
    400: "Malformed JSON (`malformed_json`), or a field that is not there (`unknown_field`) or wrong (`invalid`).",
    401: "No API key, or one that is malformed, unknown, revoked or expired.",
    403: "The key may not do this.",
    404: "Not there, or not of this key's app and environment.",
    409: "The present state does not allow it.",
    413: "Over a size limit.",
    415: "The body is not `application/json`.",
    429: "A limit is reached; `Retry-After` says for how many seconds.",
}


def answers(success: dict[int, Any], *errors: int) -> dict[int, OpenApiResponse]:
    """The `responses` of an operation: its success, 401 and 404 as everywhere, and these errors."""
    serializers_by_status = success | dict.fromkeys(sorted({401, 404, *errors}), ErrorSerializer)
    return {
        status: OpenApiResponse(serializer, description=_MEANINGS[status])
        for status, serializer in serializers_by_status.items()
    }


def answer_header(name: str, status: int, description: str) -> OpenApiParameter:
    """A header of the answer with this status."""
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, response=[status], description=description)


def path_parameter(name: str, description: str) -> OpenApiParameter:
    """An id, or a name, in the path."""
    return OpenApiParameter(name, str, OpenApiParameter.PATH, description=description)
