"""Fields of requests and answers: text is text, a number is a number, nothing is trimmed or coerced."""

import datetime as dt
import re
import uuid
from collections.abc import Collection
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from switera_webhooks.api.errors import invalid_fields
from switera_webhooks.ids import Prefix, from_public_id, to_public_id
from switera_webhooks.refusals import InvalidInput
from switera_webhooks.times import iso

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?([Zz]|[+-]\d{2}(:?\d{2})?)", re.ASCII)
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,10}")
TIME_EXPECTED = "Give an ISO 8601 date and time with its offset, such as 2026-01-31T12:00:00Z."


def parse_time(text: object) -> dt.datetime | None:
    """An ISO 8601 date and time with its offset, in UTC; None where the text is none."""
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        return None
    try:
        return dt.datetime.fromisoformat(text.upper()).astimezone(dt.UTC)
    except (ValueError, OverflowError):  # the 32nd of January; the year 1 in a time zone ahead
        return None


def unknown_fields(given: Collection[str], known: Collection[str]) -> InvalidInput | None:
    """The refusal of fields that nobody asked for, as a typing mistake should not go unnoticed."""
    unknown = [name[:100] for name in given if name not in known][:10]
    if not unknown:
        return None
    sentence = "There is no such field to set."
    return invalid_fields({name: [sentence] for name in unknown}, code="unknown_field")


class TextField(serializers.CharField):
    """Text exactly as given, spaces and line ends too: whoever stores it judges it."""

    default_error_messages = {"invalid": "Give text."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return data


class FlagField(serializers.BooleanField):
    """true or false, and no word for them."""

    default_error_messages = {"invalid": "Give true or false."}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


class WholeNumberField(serializers.IntegerField):
    """A JSON number without a fraction."""

    default_error_messages = {"invalid": "Give a whole number."}

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return data


class TimeField(serializers.DateTimeField):
    """ISO 8601; read with any offset, written in UTC with `Z`."""

    default_error_messages = {"invalid": TIME_EXPECTED}

    def to_internal_value(self, value: Any) -> dt.datetime:
        moment = parse_time(value)
        if moment is None:
            self.fail("invalid")
        return moment

    def to_representation(self, value: dt.datetime) -> str:
        return iso(value)


@extend_schema_field(OpenApiTypes.STR)
class IdField(serializers.Field[uuid.UUID, Any, str, uuid.UUID]):
    """An id as users see it, a UUID inside."""

    default_error_messages = {"invalid": "Give an id that starts with {prefix}_."}

    def __init__(self, prefix: Prefix, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.prefix = prefix

    def to_internal_value(self, data: Any) -> uuid.UUID:
        key = from_public_id(self.prefix, data) if isinstance(data, str) else None
        if key is None:
            self.fail("invalid", prefix=self.prefix.value)
        return key

    def to_representation(self, value: uuid.UUID) -> str:
        return to_public_id(self.prefix, value)


class QueryWholeNumberField(serializers.IntegerField):
    """A whole number in a query string."""

    default_error_messages = {"invalid": "Give a whole number."}

    def to_internal_value(self, data: Any) -> int:
        if not _WHOLE_NUMBER.fullmatch(data):
            self.fail("invalid")
        return int(data)


class QueryFlagField(serializers.BooleanField):
    """`true` or `false` in a query string."""

    default_error_messages = {"invalid": "Give true or false."}

    def to_internal_value(self, data: Any) -> bool:
        if data not in ("true", "false"):
            self.fail("invalid")
        return bool(data == "true")


class EmptySerializer(serializers.Serializer[Any]):
    """The body of an action that takes nothing: none at all, or an empty object."""
