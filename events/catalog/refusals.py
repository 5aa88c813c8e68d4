"""What the catalog refuses, in words for people."""

from typing import TypedDict


class Problem(TypedDict):
    """One thing wrong with a value: where (`data.lines[0].price`), and a sentence that begins with it."""

    path: str
    message: str


class SchemaRefused(ValueError):
    """A JSON Schema that the catalog does not take; the message is one sentence that says what to change."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class DataRefused(ValueError):
    """A value that breaks the schema of its event type.

    `message` is the first problem's sentence, `path` its place, `problems` at most ten of them.
    """

    def __init__(self, message: str, path: str, problems: list[Problem]) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.problems = problems
