"""Data against the schema of its event type, refused in the words of the catalog."""

from events.catalog.refusals import DataRefused, SchemaRefused
from events.catalog.schemas import check_data, check_data_by_text, check_example
from events.known_types import KnownType
from events.models import EventType
from switera_webhooks.refusals import InvalidInput


def check_event_data(event_type: EventType | KnownType, data: object) -> None:
    """Raises InvalidInput where the type has a schema and the data breaks it; details name each problem."""
    if event_type.schema is None:
        return
    try:
        if isinstance(event_type, KnownType) and event_type.schema_text is not None:
            check_data_by_text(event_type.schema_text, data)
        else:
            check_data(event_type.schema, data)
    except DataRefused as refused:
        raise _refusal(f"data breaks the schema of {event_type.name}: {refused}", "data", refused) from refused
    except SchemaRefused as refused:  # stored before a rule that it breaks
        raise InvalidInput(
            f"The schema of {event_type.name} is not accepted any more, change it first: {refused}",
            details={"type": [str(refused)]},
        ) from refused


def check_type_example(schema: object, example: object) -> None:
    """Raises InvalidInput where a type's example breaks its schema."""
    try:
        check_example(schema, example)
    except DataRefused as refused:
        raise _refusal(f"The example breaks the schema: {refused}", "example", refused) from refused


def _refusal(message: str, field: str, refused: DataRefused) -> InvalidInput:
    return InvalidInput(message, details={field: [problem["message"] for problem in refused.problems]})
