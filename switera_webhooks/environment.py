"""Reading settings from the environment, so that a mistake is one clear sentence naming the variable."""

import ipaddress
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Value = TypeVar("Value")

_DATABASE_SCHEMES = {"postgres", "postgresql", "sqlite"}
_BROKER_SCHEMES = {"memory", "redis", "rediss", "sentinel", "amqp", "amqps"}


def read_env_file(base_dir: Path) -> None:
    """Read `.env`, or the file that SWITERA_ENV_FILE names; empty reads none. Set variables win."""
    name = os.environ.get("SWITERA_ENV_FILE", str(base_dir / ".env"))
    if name and Path(name).is_file():
        environ.Env.read_env(name)


def _read(name: str, default: str, convert: Callable[[str], Value], expected: str) -> Value:
    text = os.environ.get(name, default).strip()
    try:
        return convert(text)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is {text!r}, but must be {expected}.") from error


def _bool(text: str) -> bool:
    if text.lower() in {"1", "true", "yes", "on"}:
        return True
    if text.lower() in {"", "0", "false", "no", "off"}:
        return False
    raise ValueError(text)


def boolean(name: str, default: str = "false") -> bool:
    """A switch: true or false, in the usual spellings."""
    return _read(name, default, _bool, "true or false")


def whole_number(name: str, default: str, *, least: int, most: int = 2**31 - 1) -> int:
    """A whole number from `least` to `most`; raises ImproperlyConfigured otherwise."""

    def convert(text: str) -> int:
        number = int(text or default)
        if not least <= number <= most:
            raise ValueError(text)
        return number

    return _read(name, default, convert, f"a whole number from {least} to {most}")


def decimal_number(name: str, default: str, *, least: float, most: float) -> float:
    """A number from `least` to `most`; raises ImproperlyConfigured otherwise."""

    def convert(text: str) -> float:
        number = float(text or default)
        if not least <= number <= most:  # also refuses nan
            raise ValueError(text)
        return number

    return _read(name, default, convert, f"a number from {least:g} to {most:g}")


def text(name: str, default: str = "") -> str:
    """The text as it is: no character of it has a meaning."""
    return os.environ.get(name, default).strip()


def beginning_with(prefix: str) -> dict[str, str]:
    """All variables whose names begin so, under the rest of their names."""
    return {name.removeprefix(prefix): text(name) for name in os.environ if name.startswith(prefix)}


def texts(name: str, default: str = "") -> list[str]:
    """Comma-separated texts, blanks dropped."""
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


def key_hashes(name: str) -> tuple[bytes, ...]:
    """Comma-separated SHA-256 in hexadecimal digits; never shown: it may be a key, put there by mistake."""
    hashes = texts(name)
    if any(re.fullmatch("[0-9a-fA-F]{64}", text) is None for text in hashes):
        raise ImproperlyConfigured(
            f"{name} must be hashes of 64 hexadecimal digits, separated by commas, as `manage.py create_platform_key` "
            "prints them; a key itself does not belong there."
        )
    return tuple(bytes.fromhex(text) for text in hashes)


def seconds(name: str, default: str) -> tuple[float, ...]:
    """Comma-separated seconds, none of them negative; empty is no delay at all."""

    def convert(text: str) -> tuple[float, ...]:
        numbers = tuple(float(part) for part in text.split(",") if part.strip())
        if any(not 0 <= number <= 31_536_000 for number in numbers):
            raise ValueError(text)
        return numbers

    return _read(name, default, convert, "seconds separated by commas, such as 5,300,1800")


def networks(name: str) -> tuple[Network, ...]:
    """Comma-separated CIDRs, IPv4 or IPv6."""

    def convert(text: str) -> tuple[Network, ...]:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())

    return _read(name, "", convert, "networks separated by commas, such as 10.1.0.0/16,fd00::/8")


def ports(name: str, default: str) -> frozenset[int] | None:
    """Comma-separated ports; `*` is None, which stands for any port."""

    def convert(text: str) -> frozenset[int] | None:
        if text == "*":
            return None
        numbers = frozenset(int(part) for part in text.split(",") if part.strip())
        if any(not 1 <= number <= 65535 for number in numbers):
            raise ValueError(text)
        return numbers

    return _read(name, default, convert, "ports from 1 to 65535 separated by commas, or * for any")


def database(name: str, default: str) -> dict[str, Any]:
    """Django's settings of the database that a URL names; the URL itself, with its password, is never shown."""
    url = os.environ.get(name, "").strip() or default
    try:
        config: dict[str, Any] = environ.Env.db_url_config(url) if _scheme(url) in _DATABASE_SCHEMES else {}
    except ValueError:
        config = {}
    if config.get("NAME", "") in ("", ":memory:"):
        raise ImproperlyConfigured(
            f"{name} must be postgres://user:password@host:port/name or sqlite:///path; write special characters "
            "of the password as %XX."
        )
    return config


def broker(name: str) -> str:
    """The URL of Redis or RabbitMQ; empty is the embedded broker."""
    url = os.environ.get(name, "").strip() or "memory://"
    if _scheme(url) not in _BROKER_SCHEMES:
        raise ImproperlyConfigured(
            f"{name} must be redis://host:port/number or amqp://user:password@host//, or empty for the embedded one."
        )
    return url


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy; `credentials` are user:password, or empty."""

    host: str
    port: int
    credentials: str = field(default="", repr=False)


def http_proxy(name: str) -> Proxy | None:
    """The proxy that a URL names, None for an empty one; the URL itself, with its password, is never shown."""
    url = os.environ.get(name, "").strip()
    if not url:
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
    except ValueError:
        host = port = None
        user = password = ""
    plain = url.isascii() and url.isprintable() and " " not in url
    if not (plain and host and port) or parts.scheme != "http" or parts.path.strip("/") or parts.query or ":" in user:
        raise ImproperlyConfigured(
            f"{name} must be http://host:port or http://user:password@host:port; write special characters of the "
            "password as %XX."
        )
    return Proxy(host, port, f"{user}:{password}" if user else "")


def one_of(name: str, default: str, choices: Sequence[str]) -> str:
    """One of the words in `choices`."""

    def convert(text: str) -> str:
        if text not in choices:
            raise ValueError(text)
        return text

    return _read(name, default, convert, f"one of {', '.join(choices)}")


def email(name: str, default: str) -> dict[str, Any]:
    """Django's settings of the mail server that a URL names."""
    url = os.environ.get(name, "").strip() or default
    try:
        config: dict[str, Any] = environ.Env.email_url_config(url)
    except (ImproperlyConfigured, ValueError) as error:
        raise ImproperlyConfigured(
            f"{name} must be smtp://user:password@host:port, smtp+tls:// or smtp+ssl:// likewise, or consolemail://."
        ) from error
    return config


def mail_host(hosts: Iterable[str]) -> str:
    """The host name that mail comes from: the first of the service's own that is a name of its own."""
    return next((host.lstrip(".") for host in hosts if any(map(str.isalpha, host)) and ":" not in host), "localhost")


def _scheme(url: str) -> str:
    return url.partition(":")[0].lower()


def kept_in_file(path: Path, make: Callable[[], str]) -> str:
    """The text in `path`, made at first use: a development machine's own key, never shown or copied."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written whole before it has its name: a kill in between leaves nothing that a later start would read.
        handle, unfinished = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "w") as file:
            file.write(make())
        try:
            os.link(unfinished, path)
        except FileExistsError:  # another process was quicker
            pass
        finally:
            os.unlink(unfinished)
    return path.read_text().strip()
