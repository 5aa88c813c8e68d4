"""Why an action was refused, in words for people; the REST API and commands translate, nobody catches and hides.

Each carries a `code` for programs, a `message` of one clear sentence, `details` that name fields, and the HTTP
`status` that API and pages answer with.
"""

from collections.abc import Mapping


class Refusal(Exception):
    """An action that changed nothing, and why."""

    default_code = "refused"
    status = 400

    def __init__(self, message: str, *, code: str | None = None, details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.code = code or self.default_code
        self.message = message
        self.details: dict[str, object] = dict(details or {})


class InvalidInput(Refusal):
    """What was asked for is malformed or against a rule (400)."""

    default_code = "invalid"


class Forbidden(Refusal):
    """The actor may not do this (403)."""

    default_code = "forbidden"
    status = 403


class Missing(Refusal):
    """What it is about is not there (404)."""

    default_code = "not_found"
    status = 404


class Conflict(Refusal):
    """The present state does not allow it (409)."""

    default_code = "conflict"
    status = 409


class TooLarge(Refusal):
    """Over a size limit (413)."""

    default_code = "too_large"
    status = 413


class LimitReached(Refusal):
    """Too many of these for now (429); `retry_after` in whole seconds."""

    default_code = "rate_limited"
    status = 429

    def __init__(self, message: str, *, retry_after: int, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after
