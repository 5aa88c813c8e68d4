"""The words in which built-in event types are declared: a type is a name, a sentence and a row a field.

Every field is always there: one that may be unknown holds null, so that receivers meet one shape.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from events.catalog.schema_graph import DIALECT


@dataclass(frozen=True)
class BuiltInType:
    """An event type of the product's own; `schema` is JSON Schema 2020-12 and accepts `example`."""

    name: str
    family: str
    description: str
    schema: Mapping[str, object]
    example: Mapping[str, object]


@dataclass(frozen=True)
class Field:
    """One field of an event's data."""

    name: str
    schema: Mapping[str, object]
    example: object


def event_type(name: str, description: str, *fields: Field) -> BuiltInType:
    """A type whose data holds exactly these fields."""
    schema = {
        "$schema": DIALECT,
        "type": "object",
        "properties": {field.name: dict(field.schema) for field in fields},
        "required": [field.name for field in fields],
        "additionalProperties": False,
    }
    return BuiltInType(
        name=name,
        family=name.partition(".")[0],
        description=description,
        schema=schema,
        example={field.name: field.example for field in fields},
    )


def text(name: str, description: str, example: str) -> Field:
    return Field(name, {"type": "string", "description": description}, example)


def identifier(name: str, description: str, example: str) -> Field:
    """An id: opaque, never empty."""
    return Field(name, {"type": "string", "minLength": 1, "description": description}, example)


def email(name: str, description: str, example: str) -> Field:
    return Field(name, {"type": "string", "format": "idn-email", "description": description}, example)


def time(name: str, description: str, example: str) -> Field:
    """ISO 8601, UTC."""
    return Field(name, {"type": "string", "format": "date-time", "description": description}, example)


def one_of(name: str, description: str, values: tuple[str, ...], example: str) -> Field:
    """One of a closed set of words."""
    return Field(name, {"type": "string", "enum": list(values), "description": description}, example)


def flag(name: str, description: str, example: bool) -> Field:
    return Field(name, {"type": "boolean", "description": description}, example)


def count(name: str, description: str, example: int) -> Field:
    return Field(name, {"type": "integer", "minimum": 0, "description": description}, example)


def listing(name: str, description: str, example: list[str]) -> Field:
    """A list of words, each once."""
    items = {"type": "string"}
    return Field(name, {"type": "array", "items": items, "uniqueItems": True, "description": description}, example)


def or_null(field: Field) -> Field:
    """The same field, null where it is not known or does not apply."""
    return Field(field.name, {**field.schema, "type": [field.schema["type"], "null"]}, field.example)


# Ids of the examples: the objects of one app and what happened to them.
APP = "app_01kjpy44e0emq8k9w39qsaekf4"
ORGANIZATION = "org_01kjpy607jes8r65rzyjka792g"
OLDER_API_KEY = "key_01kjpy7w14e4ma4jz41b93y214"
API_KEY = "key_01kjpy9qtpe60tak362xesvjfr"
ENDPOINT = "ep_01kjpybkm8e3pt0yekqqme4qcm"
EVENT = "evt_01kjpydfdtedqrb018tr4sjm6r"
DELIVERY = "dlv_01kjpyfb7cevr88y42wdngtn4v"
BUILDER = "builder_17"
USER = "usr_7Kd02mQx"
MEMBER = "mem_5Tq81vLc"
INVITATION = "inv_3Wn64rZy"
EMAIL = "eml_9Bs35hJp"

ENVIRONMENTS = ("live", "test")
