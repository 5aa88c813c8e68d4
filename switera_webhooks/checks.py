"""Combinations of settings that are incomplete or dangerous, each with an id and what to do about it.

A value that cannot be read at all never comes this far: switera_webhooks/environment.py refuses it. Errors
stop every command, and `refuse_incomplete_settings` stops web, worker and scheduler.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.utils.module_loading import import_string

from switera_webhooks.encryption import check_keys
from switera_webhooks.environment import Network

OLDEST_POSTGRESQL = 15
# Whoever reaches one of these from inside a cloud may read the machine's credentials.
METADATA_ADDRESSES = tuple(
    ipaddress.ip_address(address) for address in ("169.254.169.254", "168.63.129.16", "fd00:ec2::254")
)

Apps = Sequence[AppConfig] | None


@register()
def required_settings(app_configs: Apps, **_: object) -> list[CheckMessage]:
    """What the service cannot run without."""
    problems: list[CheckMessage] = []
    if not _secret_key():
        problems.append(
            Error(
                "SECRET_KEY is not set.",
                hint="Set it to a long random text, such as the output of `openssl rand -base64 48`.",
                id="switera.E001",
            )
        )
    try:
        check_keys()
    except ImproperlyConfigured as error:
        problems.append(
            Error(
                str(error),
                hint="Keep the keys outside the database and its backups: they open what it stores.",
                id="switera.E002",
            )
        )
    if not settings.ALLOWED_HOSTS and not settings.DEBUG:
        problems.append(
            Error(
                "ALLOWED_HOSTS is empty.",
                hint="Set it to the host names of this service, comma-separated: it answers to these alone, "
                "and never delivers to them.",
                id="switera.E003",
            )
        )
    if "*" in settings.ALLOWED_HOSTS and not settings.DEBUG:
        problems.append(
            Warning(
                "ALLOWED_HOSTS holds *, so that endpoints at this service itself cannot be told and refused.",
                hint="Name the hosts of this service, comma-separated.",
                id="switera.W007",
            )
        )
    return problems


def _secret_key() -> str:
    try:
        return str(settings.SECRET_KEY)
    except ImproperlyConfigured:  # Django's own answer to an empty one, at the first look
        return ""


@register()
def destinations(app_configs: Apps, **_: object) -> list[CheckMessage]:
    """Where requests may go, and what protects them on the way."""
    allowed = settings.WEBHOOKS_ALLOWED_PRIVATE_NETWORKS
    denied = settings.WEBHOOKS_DENIED_NETWORKS
    problems: list[CheckMessage] = [
        Error(
            f"WEBHOOKS_ALLOWED_PRIVATE_NETWORKS lets requests through to {address}, "
            "where clouds give out the machine's credentials.",
            hint=f"Name narrower networks, or add {address} to WEBHOOKS_DENIED_NETWORKS.",
            id="switera.E004",
        )
        for address in METADATA_ADDRESSES
        if _holds(allowed, address) and not _holds(denied, address)
    ]
    if settings.WEBHOOKS_CA_BUNDLE and not Path(settings.WEBHOOKS_CA_BUNDLE).is_file():
        problems.append(
            Error(
                f"WEBHOOKS_CA_BUNDLE is {settings.WEBHOOKS_CA_BUNDLE!r}, where there is no file.",
                hint="Give the path of a file with certificates in PEM form, or leave it empty.",
                id="switera.E005",
            )
        )
    if settings.WEBHOOKS_ALLOW_HTTP and not allowed:
        problems.append(
            Warning(
                "WEBHOOKS_ALLOW_HTTP has no effect: plain HTTP goes to allowed private networks only.",
                hint="Name these in WEBHOOKS_ALLOWED_PRIVATE_NETWORKS, or switch WEBHOOKS_ALLOW_HTTP off.",
                id="switera.W001",
            )
        )
    problems += [
        Warning(
            f"{network} of WEBHOOKS_ALLOWED_PRIVATE_NETWORKS has no effect: "
            "WEBHOOKS_DENIED_NETWORKS denies all of it, and wins.",
            hint="Remove it from one of the two.",
            id="switera.W002",
        )
        for network in allowed
        if any(_is_within(network, other) for other in denied)
    ]
    return problems


def _holds(networks: Iterable[Network], address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return any(address in network for network in networks)


def _is_within(inner: Network, outer: Network) -> bool:
    if isinstance(inner, ipaddress.IPv4Network):
        return isinstance(outer, ipaddress.IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, ipaddress.IPv6Network) and inner.subnet_of(outer)


@register()
def delivering(app_configs: Apps, **_: object) -> list[CheckMessage]:
    """What requests leave by, and how failures are met."""
    problems: list[CheckMessage] = []
    if settings.WEBHOOKS_TRANSPORT == "curl" and find_spec("pycurl") is None:
        problems.append(
            Error(
                "WEBHOOKS_TRANSPORT is curl, but the package pycurl is not installed.",
                hint="Install requirements-curl.txt, or set WEBHOOKS_TRANSPORT to auto.",
                id="switera.E007",
            )
        )
    if not settings.WEBHOOKS_RETRY_SCHEDULE:
        problems.append(
            Warning(
                "WEBHOOKS_RETRY_SCHEDULE is empty: a delivery that fails once is never tried again.",
                hint="Set it to seconds between attempts, such as 5,300,1800.",
                id="switera.W003",
            )
        )
    return problems


@register()
def proxies(app_configs: Apps, **_: object) -> list[CheckMessage]:
    """Whom to believe about the client's address."""
    return [
        Warning(
            f"TRUSTED_PROXIES holds {network}: any client can then claim any address, in the audit log too.",
            hint="Name the networks of your own proxies only.",
            id="switera.W004",
        )
        for network in settings.TRUSTED_PROXIES
        if network.prefixlen == 0
    ]


@register()
def mail(app_configs: Apps, **_: object) -> list[CheckMessage]:
    """Where mail goes, and who may tell what became of it."""
    problems: list[CheckMessage] = []
    inner = settings.EVENT_EMAIL_INNER_BACKEND
    if inner == "events.sources.email.EventEmailBackend" or not _is_there(inner):
        problems.append(
            Error(
                f"EVENT_EMAIL_INNER_BACKEND is {inner!r}, which is no mail backend to send with.",
                hint="Leave it empty for the one that EMAIL_URL names, or install the package that has it.",
                id="switera.E008",
            )
        )
    if settings.ANYMAIL and find_spec("anymail") is None:
        problems.append(
            Error(
                "ANYMAIL_ variables are set, but django-anymail is not installed.",
                hint="Install it: pip install django-anymail.",
                id="switera.E009",
            )
        )
    secret = settings.ANYMAIL.get("WEBHOOK_SECRET", "")
    if secret and not all(secret.partition(":")):
        problems.append(
            Error(
                "ANYMAIL_WEBHOOK_SECRET is no user and password, so that every mail service would be refused.",
                hint="Set it to user:password, and give mail services https://user:password@host/anymail/….",
                id="switera.E010",
            )
        )
    return problems


def _is_there(name: str) -> bool:
    try:
        import_string(name)
    except ImportError:
        return False
    return True


@register(deploy=True)
def production(app_configs: Apps, **_: object) -> list[CheckMessage]:
    """What serves development well, and production badly."""
    problems: list[CheckMessage] = []
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        problems.append(
            Warning(
                "The database is SQLite: one machine, one writer at a time.",
                hint=f"Set DATABASE_URL to a PostgreSQL {OLDEST_POSTGRESQL} or newer: "
                "postgres://user:password@host/name.",
                id="switera.W005",
            )
        )
    if settings.CELERY_EMBEDDED:
        problems.append(
            Warning(
                "The broker is the embedded one: every web process delivers, and no other process can help.",
                hint="Set CELERY_BROKER_URL to Redis or RabbitMQ, and run `celery worker` and `celery beat`.",
                id="switera.W006",
            )
        )
    return problems


@register(Tags.database)
def database_version(app_configs: Apps, databases: Sequence[str] | None, **_: object) -> list[CheckMessage]:
    """Run by `migrate` and `check --database default`."""
    problems: list[CheckMessage] = []
    for alias in databases or ():
        connection: Any = connections[alias]
        if connection.vendor == "postgresql" and connection.pg_version < OLDEST_POSTGRESQL * 10_000:
            problems.append(
                Error(
                    f"PostgreSQL {connection.pg_version // 10_000} is too old.",
                    hint=f"Use PostgreSQL {OLDEST_POSTGRESQL} or newer.",
                    id="switera.E006",
                )
            )
    return problems


def refuse_incomplete_settings() -> None:
    """Raises ImproperlyConfigured with a sentence for every error in the settings."""
    errors = [
        problem.msg
        for check in (required_settings, destinations, delivering, mail)
        for problem in check(None)
        if isinstance(problem, Error)
    ]
    if errors:
        raise ImproperlyConfigured(" ".join(errors) + " `manage.py check` says what to do.")
