"""JSON that a person types into a form, read as strictly as the API reads it."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from switera_webhooks.api.errors import MalformedBody
from switera_webhooks.api.parsing import parse_json


class JSONTextField(forms.Field):
    """The value that is typed as JSON, None where nothing is. Bad JSON is told with its line; what was typed stays."""

    default_error_messages = {"required": "Give JSON, such as {}."}
    empty_values = [None]  # {} and [] are something

    def __init__(self, *, rows: int = 12, placeholder: str = "", **options: Any) -> None:
        attributes = {"class": "mono", "rows": rows, "spellcheck": "false", "autocapitalize": "off"}
        if placeholder:
            attributes["placeholder"] = placeholder
        super().__init__(widget=forms.Textarea(attrs=attributes), **options)

    def to_python(self, value: object) -> Any:
        text = value if isinstance(value, str) else ""
        if not text.strip():
            return None
        try:
            return parse_json(text.encode())
        except MalformedBody as malformed:
            raise ValidationError(f"This is not valid JSON: {malformed.problem}") from malformed
        except UnicodeEncodeError as error:
            raise ValidationError("This is not valid JSON: it holds half of a character.") from error


def typed_json(value: object) -> str:
    """A JSON value as a person reads and edits it."""
    return json.dumps(value, ensure_ascii=False, indent=2)
