"""Lists as the REST API answers them: a page by cursor (switera_webhooks/keyset.py), its size, and its shape."""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from switera_webhooks.api.errors import invalid_fields
from switera_webhooks.api.fields import QueryWholeNumberField
from switera_webhooks.keyset import KeysetPage, Row, UnknownCursor, keyset_page

DEFAULT_LIMIT = 50
MAX_LIMIT = 250


@dataclass(frozen=True)
class Page(KeysetPage[Row]):
    """A page that can be answered."""

    def answer(self, shape: serializers.BaseSerializer[Row]) -> dict[str, object]:
        """The list as it is answered, each row in this shape."""
        return {
            "items": [shape.to_representation(item) for item in self.items],
            "next": self.next,
            "previous": self.previous,
        }


class ListQuery(serializers.Serializer[Any]):
    """Query parameters of every list."""

    limit = QueryWholeNumberField(
        min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT, help_text="How many at most."
    )
    cursor = serializers.CharField(
        required=False, help_text="The `next` or `previous` of an earlier answer, with the same filters."
    )


def paginate(rows: QuerySet[Row], query: dict[str, Any], *, order: str) -> Page[Row]:
    """One page of `rows` by a unique field (`-id`: newest first). One query. Raises InvalidInput (cursor)."""
    try:
        page = keyset_page(rows, cursor=query.get("cursor"), limit=query["limit"], order=order)
    except UnknownCursor as error:
        sentence = "Give the next or previous of an earlier answer, unchanged."
        raise invalid_fields({"cursor": [sentence]}) from error
    return Page(page.items, page.next, page.previous)


def page_of(name: str, shape: serializers.BaseSerializer[Any]) -> serializers.Serializer[Any]:
    """The OpenAPI component of a list of this shape."""
    return inline_serializer(
        name,
        {
            "items": serializers.ListField(child=shape),
            "next": serializers.CharField(allow_null=True, help_text="Cursor of the page after this one."),
            "previous": serializers.CharField(allow_null=True, help_text="Cursor of the page before."),
        },
    )
