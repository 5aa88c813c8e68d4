"""The likely cause of a failed attempt and what to check, in words for whoever runs the receiver.

What is known comes in as FailureFacts (read by deliveries/failure_facts.py); the table is deliveries/failure_words.py.
"""

import datetime as dt
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from deliveries.error_codes import ErrorCode
from deliveries.failure_words import (
    BODY_TIMEOUT,
    BY_CODE,
    BY_STATUS,
    CHECKS_OF_SECRET,
    CSRF,
    EGRESS_PROXY,
    EVERY_SIGNATURE,
    NEW_SECRET,
    OTHER_4XX,
    OTHER_STATUS,
    REDIRECT,
    REDIRECT_TO_NOWHERE,
    SIGN_IN,
    Cause,
)

# A rotation of the secret is worth a word where the failures began within so long after it.
_SOON_AFTER = dt.timedelta(days=1)
_SHOWN_CHARACTERS = 200
_SIGNATURE_REFUSALS = (400, 401, 403)
_SIGN_IN_WORDS = {"auth", "login", "sign-in", "sign_in", "signin", "sso"}


__all__ = ["Cause", "FailureFacts", "likely_cause"]


@dataclass(frozen=True)
class FailureFacts:
    """What is known of a failed attempt and its endpoint. `timeout` is in seconds, times are aware.

    `since` is when these failures began, at this attempt or before. `secret_rotated_at` is the last rotation,
    `old_secret_ended_at` when, before `since`, a secret last stopped signing.
    """

    error_code: ErrorCode
    error: str
    endpoint: str
    url: str
    timeout: float
    since: dt.datetime
    status: int | None = None
    location: str = ""
    retry_after: str = ""
    response_body: str = ""
    message_bytes: int = 0
    secret_rotated_at: dt.datetime | None = None
    old_secret_ended_at: dt.datetime | None = None


def likely_cause(facts: FailureFacts) -> Cause:
    """Never fails: a status or a code that says little has a general cause."""
    cause = _special_case(facts) or BY_CODE.get(facts.error_code) or _of_status(facts.status or 0)
    words = _words(facts)
    return Cause(
        cause.title.format_map(words),
        cause.explanation.format_map(words),
        tuple(check.format_map(words) for check in cause.checks),
        cause.action.format_map(words),
    )


def _special_case(facts: FailureFacts) -> Cause | None:
    """What the answer itself gives away."""
    if facts.error_code is ErrorCode.HTTP_STATUS:
        return _special_status(facts)
    if facts.error_code is ErrorCode.REDIRECT:
        if _SIGN_IN_WORDS & (_parts(facts.location) - _parts(facts.url)):
            return SIGN_IN
        return REDIRECT if facts.location else REDIRECT_TO_NOWHERE
    if facts.error_code is ErrorCode.TIMEOUT and facts.status is not None:
        return BODY_TIMEOUT
    if facts.error_code is ErrorCode.CONNECTION_REFUSED and "egress proxy" in facts.error:
        return EGRESS_PROXY
    return None


def _special_status(facts: FailureFacts) -> Cause | None:
    status = facts.status or 0
    cause = _of_status(status)
    if status == 403 and "csrf" in facts.response_body.lower():
        return CSRF
    if status in (429, 503) and facts.retry_after:
        asked = "It asked for a pause (Retry-After: {retry_after})."
        return replace(cause, explanation=f"{cause.explanation} {asked}")
    return _with_rotation(cause, facts) if status in _SIGNATURE_REFUSALS else None


def _of_status(status: int) -> Cause:
    if status in BY_STATUS:
        return BY_STATUS[status]
    return OTHER_4XX if 400 <= status < 500 else OTHER_STATUS


def _with_rotation(cause: Cause, facts: FailureFacts) -> Cause | None:
    """Where the failures began soon after the secret was rotated, that is the most likely cause."""
    rotated, ended = facts.secret_rotated_at, facts.old_secret_ended_at
    if ended is not None and dt.timedelta(0) <= facts.since - ended <= _SOON_AFTER:
        what = "the secret of {endpoint} was rotated" if ended == rotated else "the old secret of {endpoint} ended"
        return replace(
            cause,
            explanation=f"It most likely checks the signature with an old secret: {what} {_span(facts.since - ended)} "
            "before the failures began.",
            checks=CHECKS_OF_SECRET,
            action=NEW_SECRET,
        )
    if rotated is not None and dt.timedelta(0) <= facts.since - rotated <= _SOON_AFTER:
        return replace(
            cause,
            explanation="It most likely looks at one signature only: the secret of {endpoint} was rotated "
            f"{_span(facts.since - rotated)} before the failures began, and until the old secret ends each message "
            "carries a signature for both.",
            checks=(EVERY_SIGNATURE, *CHECKS_OF_SECRET),
            action=NEW_SECRET,
        )
    return None


def _words(facts: FailureFacts) -> dict[str, str]:
    """What the sentences of the table name."""
    url = urlsplit(facts.url)
    return {
        "endpoint": facts.endpoint,
        "host": url.hostname or facts.url,
        "port": str(url.port or (80 if url.scheme == "http" else 443)),
        "path": url.path or "/",
        "timeout": f"{facts.timeout:g} s",
        "status": str(facts.status),
        "verdict": facts.error.removeprefix("Nothing was sent: "),
        "error": facts.error or facts.error_code.sentence,
        "location": _short(facts.location),
        "retry_after": _short(facts.retry_after),
        "size": f"{max(1, round(facts.message_bytes / 1024)):,} KiB",
    }


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"


def _parts(url: str) -> set[str]:
    """The parts of a URL's path, in lower case; none of what is no URL."""
    try:
        return set(urlsplit(url).path.lower().split("/"))
    except ValueError:
        return set()


def _span(span: dt.timedelta) -> str:
    """The largest unit of a time: "one minute", "3 hours"."""
    seconds = int(span.total_seconds())
    for unit, length in (("hour", 3600), ("minute", 60)):
        if seconds >= length:
            return _counted(seconds // length, unit)
    return _counted(seconds, "second")


def _counted(number: int, unit: str) -> str:
    return f"one {unit}" if number == 1 else f"{number} {unit}s"
