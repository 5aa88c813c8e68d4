"""What an endpoint's fields may hold, checked together so that a person sees every mistake at once."""

from collections.abc import Callable, Mapping

from events.catalog.patterns import InvalidPattern, check_patterns
from events.event_types import visible_event_types
from switera_webhooks.encryption import encrypt
from switera_webhooks.refusals import InvalidInput
from webhooks.destinations.custom_headers import check_custom_headers
from webhooks.destinations.refusals import CustomHeadersRefused
from webhooks.models import App, Organization

# What a header value is shown as (S25); sent back, it leaves the stored value as it is.
MASK = "••••••••"

_MAX_METADATA = 50
_MAX_RATE = 10_000


def check_fields(app: App, values: Mapping[str, object]) -> None:
    """Raises InvalidInput that names every field that is wrong; the URL is judged apart."""
    problems: dict[str, object] = {}
    for name, value in values.items():
        check = _CHECKS.get(name)
        if check is not None:
            problem = check(app, value)
            if problem:
                problems[name] = problem
    if problems:
        first = next(iter(problems))
        raise InvalidInput(f"{first}: {_first_sentence(problems[first])}", details=problems)


def stored_values(values: Mapping[str, object]) -> dict[str, object]:
    """The fields that are stored as they are given."""
    stored = {name: values[name] for name in ("name", "description", "metadata", "rate_limit") if name in values}
    if "event_types" in values and isinstance(values["event_types"], list):
        stored["event_types"] = list(dict.fromkeys(values["event_types"]))
    if "organization" in values:
        stored["organization"] = values["organization"]
    return stored


def encrypted_headers(given: Mapping[str, str], stored: Mapping[str, str]) -> dict[str, str]:
    """{name: encrypted value}; a masked value keeps what is stored under that name, whatever its case."""
    by_name = {name.lower(): value for name, value in stored.items()}
    headers = {}
    for name, value in given.items():
        kept = by_name.get(name.lower())
        if value == MASK and kept is None:
            sentence = "A masked value stands for a stored one, and none is stored under this name."
            raise InvalidInput(f"headers: {sentence}", details={"headers": {name: [sentence]}})
        headers[name] = kept if value == MASK and kept is not None else encrypt(value)
    return headers


def _first_sentence(problem: object) -> str:
    if isinstance(problem, Mapping):
        return next(f"{name}: {sentences[0]}" for name, sentences in problem.items())
    return str(problem[0]) if isinstance(problem, list) else str(problem)


def _check_text(limit: int, *, one_line: bool = False) -> Callable[[App, object], object]:
    def check(_: App, value: object) -> object:
        bad = not isinstance(value, str) or len(value) > limit or _has_bad_characters(value)
        if bad or (one_line and any(c in str(value) for c in "\t\r\n")):
            return [f"Give text of at most {limit:,} characters, without control characters."]
        return None

    return check


def _has_bad_characters(value: str) -> bool:
    """NUL and half surrogate pairs, which PostgreSQL cannot hold, and other controls but tab and line ends."""
    return any((ord(c) < 32 and c not in "\t\r\n") or 0xD800 <= ord(c) <= 0xDFFF for c in value)


def _check_event_types(app: App, value: object) -> object:
    if not isinstance(value, list) or not value:
        return ["Give at least one event type, such as order.paid, order.* or *."]
    try:
        patterns = check_patterns(value)
    except InvalidPattern as error:
        return [str(error)]
    names = [pattern for pattern in patterns if "*" not in pattern]
    known = set(visible_event_types(app).filter(name__in=names).values_list("name", flat=True))
    return [f"{name} is not in the event catalog." for name in names if name not in known][:10] or None


def _check_headers(_: App, value: object) -> object:
    if not isinstance(value, Mapping):
        return ["Give an object of header names and values."]
    try:
        check_custom_headers({name: "masked" if text == MASK else text for name, text in value.items()})
    except CustomHeadersRefused as refused:
        return {name: [sentence] for name, sentence in refused.problems.items()}
    return None


def _check_metadata(_: App, value: object) -> object:
    if not isinstance(value, Mapping) or len(value) > _MAX_METADATA:
        return [f"Give an object of at most {_MAX_METADATA} texts."]
    for name, text in value.items():
        if not isinstance(name, str) or not isinstance(text, str) or len(name) > 40 or len(text) > 500:
            return ["A name has at most 40 characters, a value is text of at most 500."]
        if _has_bad_characters(name) or _has_bad_characters(text):
            return ["Names and values hold no control characters."]
    return None


def _check_rate_limit(_: App, value: object) -> object:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MAX_RATE:
        return [f"Give 1 to {_MAX_RATE:,} deliveries a second, or nothing (null over REST) for no limit."]
    return None


def _check_organization(app: App, value: object) -> object:
    if value is None or (isinstance(value, Organization) and value.app_id == app.pk):
        return None
    return ["No such organization."]


_CHECKS: Mapping[str, Callable[[App, object], object]] = {
    "name": _check_text(200, one_line=True),
    "description": _check_text(2_000),
    "event_types": _check_event_types,
    "headers": _check_headers,
    "metadata": _check_metadata,
    "rate_limit": _check_rate_limit,
    "organization": _check_organization,
}
