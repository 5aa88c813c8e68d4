"""Custom headers of an endpoint: what a Builder may add to its requests (security.md S24)."""

import re
from collections.abc import Mapping

from webhooks.destinations.refusals import CustomHeadersRefused

MAX_HEADERS = 20
MAX_NAME_LENGTH = 256
MAX_VALUE_BYTES = 4_096

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # RFC 9110, section 5.5: a tab is fine
# Accept-Encoding is always `identity` (S19): a value of the Builder's would not be sent.
_OURS = {
    "accept-encoding",
    "connection",
    "cookie",
    "forwarded",
    "host",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
}
_OUR_PREFIXES = ("content-", "proxy-", "switera-", "webhook-", "x-forwarded-")


def check_custom_headers(headers: Mapping[str, object]) -> dict[str, str]:
    """The headers as they are to be stored: names and values unchanged.

    Raises CustomHeadersRefused with a sentence for each header that is not acceptable.
    """
    if len(headers) > MAX_HEADERS:
        raise CustomHeadersRefused({"*": f"Give at most {MAX_HEADERS} headers."})
    problems: dict[str, str] = {}
    accepted: dict[str, str] = {}
    seen: set[str] = set()
    for name, value in headers.items():
        problem = _problem_of_name(name, seen) or _problem_of_value(value)
        seen.add(name.lower())
        if problem:
            problems[name] = problem
        elif isinstance(value, str):
            accepted[name] = value
    if problems:
        raise CustomHeadersRefused(problems)
    return accepted


def _problem_of_name(name: str, seen: set[str]) -> str | None:
    lower = name.lower()
    if not _TOKEN.fullmatch(name):
        return "Use letters, digits and hyphens for the name."
    if len(name) > MAX_NAME_LENGTH:
        return f"Shorten the name to {MAX_NAME_LENGTH} characters."
    if lower in _OURS or lower.startswith(_OUR_PREFIXES):
        return "Use another name: this header is set by the service."
    if lower in seen:
        return "Give the header once: names differ by more than case."
    return None


def _problem_of_value(value: object) -> str | None:
    if not isinstance(value, str):
        return "Give the value as text."
    if _CONTROL.search(value):
        return "Remove line breaks and control characters from the value."
    try:
        size = len(value.encode("utf-8"))
    except UnicodeEncodeError:
        return "Give the value as valid Unicode text."
    if size > MAX_VALUE_BYTES:
        return f"Shorten the value to {MAX_VALUE_BYTES:,} bytes."
    return None
