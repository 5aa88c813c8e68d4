"""What the fields of organizations, members, invitations and domains may hold."""

import datetime as dt
import re
from collections.abc import Callable, Mapping

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import timezone
from django.utils.text import slugify

from switera_webhooks.refusals import InvalidInput
from webhooks.destinations.host_names import canonical_host
from webhooks.destinations.refusals import UrlRefused
from webhooks.models import DomainMethod, MemberSource, OrganizationState

MAX_NAME = 200
MAX_SLUG = 80
MAX_USER_ID = 255
MAX_EMAIL = 254
MAX_ROLE = 64
MAX_REASON = 64
_LOCALE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_MAX_LOCALE = 35
_DOMAIN_EXPECTED = "Give a domain, such as globex.example."


def check_fields(values: Mapping[str, object]) -> None:
    """Raises InvalidInput that names every field that is wrong."""
    problems = {name: [sentence] for name, value in values.items() if (sentence := _CHECKS[name](value))}
    if problems:
        first, sentences = next(iter(problems.items()))
        raise InvalidInput(f"{first}: {sentences[0]}", details=problems)


def canonical_domain(text: str) -> str:
    """Lower-case ASCII, however it is spelled. Raises InvalidInput."""
    try:
        name = canonical_host(text.strip())
    except UrlRefused:
        name = None
    if not isinstance(name, str):
        raise InvalidInput(f"domain: {_DOMAIN_EXPECTED}", details={"domain": [_DOMAIN_EXPECTED]})
    return name


def domain_of(email: str) -> str | None:
    """The domain of an address, as `canonical_domain` writes it; None where it is no name."""
    try:
        return canonical_domain(email.rpartition("@")[2])
    except InvalidInput:
        return None


def _line(limit: int) -> Callable[[object], str | None]:
    def check(value: object) -> str | None:
        if isinstance(value, str) and value == value.strip() and 1 <= len(value) <= limit and value.isprintable():
            return None
        return f"Give 1 to {limit} printable characters."

    return check


def _slug(value: object) -> str | None:
    if isinstance(value, str) and 1 <= len(value) <= MAX_SLUG and value == slugify(value):
        return None
    return f"Use lower-case letters, digits, - and _, {MAX_SLUG} at most."


def _email(value: object) -> str | None:
    try:
        if isinstance(value, str) and len(value) <= MAX_EMAIL:
            validate_email(value)
            return None
    except ValidationError:
        pass
    return "Give an e-mail address, such as ada@globex.example."


def _locale(value: object) -> str | None:
    if isinstance(value, str) and len(value) <= _MAX_LOCALE and (not value or _LOCALE.fullmatch(value)):
        return None
    return "Give a language tag, such as en or pt-BR, or nothing."


def _expires_at(value: object) -> str | None:
    if value is None or (isinstance(value, dt.datetime) and value > timezone.now()):
        return None
    return "Give a time that is still to come, or nothing (null over REST) for ever."


def _one_of(values: list[str]) -> Callable[[object], str | None]:
    return lambda value: None if value in values else f"Give one of {', '.join(values)}."


_CHECKS: Mapping[str, Callable[[object], str | None]] = {
    "name": _line(MAX_NAME),
    "slug": _slug,
    "state": _one_of(OrganizationState.values),
    "user_id": _line(MAX_USER_ID),
    "email": _email,
    "role": _line(MAX_ROLE),
    "source": _one_of(MemberSource.values),
    "reason": lambda value: None if value is None else _line(MAX_REASON)(value),
    "locale": _locale,
    "expires_at": _expires_at,
    "method": _one_of(DomainMethod.values),
}
