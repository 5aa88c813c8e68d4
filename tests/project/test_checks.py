"""Settings that are incomplete or dangerous are named before they do harm."""

import ipaddress
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.checks import CheckMessage
from pytest_django import Settings

from switera_webhooks import checks
from tests.programs import PRODUCTION, manage, run_program

METADATA = ipaddress.ip_network("169.254.169.254/32")


def _ids(check: Callable[..., list[CheckMessage]]) -> list[str | None]:
    return [problem.id for problem in check(None)]


def test_production_settings_are_clean() -> None:
    result = manage("check", "--deploy", "--fail-level", "WARNING", variables=PRODUCTION)
    assert (result.returncode, result.stderr) == (0, "")


def test_development_settings_are_clean(settings: Settings) -> None:
    settings.WEBHOOKS_ALLOW_HTTP = True
    settings.WEBHOOKS_ALLOWED_PRIVATE_NETWORKS = (ipaddress.ip_network("127.0.0.0/8"),)
    assert [_ids(check) for check in (checks.required_settings, checks.destinations, checks.delivering)] == [[], [], []]


@pytest.mark.parametrize(
    ("variable", "check_id"),
    [
        ("SECRET_KEY", "switera.E001"),
        ("WEBHOOKS_ENCRYPTION_KEYS", "switera.E002"),
        ("ALLOWED_HOSTS", "switera.E003"),
        ("DATABASE_URL", "switera.W005"),
        ("CELERY_BROKER_URL", "switera.W006"),
    ],
)
def test_what_production_lacks_is_named_with_what_to_do(variable: str, check_id: str) -> None:
    variables = {name: value for name, value in PRODUCTION.items() if name != variable}
    result = manage("check", "--deploy", "--fail-level", "WARNING", variables=variables)
    assert result.returncode == 1
    assert f"({check_id})" in result.stderr
    assert variable in result.stderr
    assert "Traceback" not in result.stderr


def test_every_check_says_what_to_do(settings: Settings) -> None:
    settings.SECRET_KEY = ""
    settings.WEBHOOKS_ENCRYPTION_KEYS = []
    settings.ALLOWED_HOSTS = []
    settings.WEBHOOKS_ALLOWED_PRIVATE_NETWORKS = (METADATA,)
    settings.WEBHOOKS_RETRY_SCHEDULE = ()
    settings.TRUSTED_PROXIES = (ipaddress.ip_network("0.0.0.0/0"),)
    settings.CELERY_EMBEDDED = True
    problems = [
        problem
        for check in (
            checks.required_settings,
            checks.destinations,
            checks.delivering,
            checks.proxies,
            checks.production,
        )
        for problem in check(None)
    ]
    assert len(problems) >= 7
    assert all(problem.hint for problem in problems)


def test_a_malformed_encryption_key_is_an_error_that_does_not_show_it(settings: Settings) -> None:
    settings.WEBHOOKS_ENCRYPTION_KEYS = ["not-a-fernet-key"]
    [problem] = checks.required_settings(None)
    assert problem.id == "switera.E002"
    assert "not-a-fernet-key" not in str(problem)


@pytest.mark.parametrize("network", ["169.254.0.0/16", "0.0.0.0/0", "168.63.129.16/32", "fd00::/8"])
def test_networks_that_reach_a_clouds_credentials_are_an_error(settings: Settings, network: str) -> None:
    settings.WEBHOOKS_ALLOWED_PRIVATE_NETWORKS = (ipaddress.ip_network(network),)
    assert set(_ids(checks.destinations)) == {"switera.E004"}


def test_denying_the_metadata_address_makes_a_wide_network_acceptable(settings: Settings) -> None:
    settings.WEBHOOKS_ALLOWED_PRIVATE_NETWORKS = (ipaddress.ip_network("169.254.0.0/16"),)
    settings.WEBHOOKS_DENIED_NETWORKS = (METADATA,)
    assert _ids(checks.destinations) == []


def test_a_ca_bundle_that_is_not_there_is_an_error(settings: Settings, tmp_path: Path) -> None:
    settings.WEBHOOKS_CA_BUNDLE = str(tmp_path / "none.pem")
    assert _ids(checks.destinations) == ["switera.E005"]


def test_plain_http_without_networks_has_no_effect_and_says_so(settings: Settings) -> None:
    settings.WEBHOOKS_ALLOW_HTTP = True
    assert _ids(checks.destinations) == ["switera.W001"]


@pytest.mark.parametrize(
    ("allowed", "denied", "ids"),
    [
        ("10.1.0.0/16", "10.0.0.0/8", ["switera.W002"]),
        ("10.0.0.0/8", "10.1.0.0/16", []),
        ("fd12::/16", "10.0.0.0/8", []),
        ("fd12:3::/32", "fd12::/16", ["switera.W002"]),
    ],
)
def test_an_allowed_network_that_is_denied_whole_has_no_effect_and_says_so(
    settings: Settings, allowed: str, denied: str, ids: list[str]
) -> None:
    settings.WEBHOOKS_ALLOWED_PRIVATE_NETWORKS = (ipaddress.ip_network(allowed),)
    settings.WEBHOOKS_DENIED_NETWORKS = (ipaddress.ip_network(denied),)
    assert _ids(checks.destinations) == ids


def test_an_empty_retry_schedule_is_pointed_out(settings: Settings) -> None:
    settings.WEBHOOKS_RETRY_SCHEDULE = ()
    assert _ids(checks.delivering) == ["switera.W003"]


def test_trusting_every_proxy_is_pointed_out(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = (ipaddress.ip_network("::/0"), ipaddress.ip_network("10.0.0.0/8"))
    assert _ids(checks.proxies) == ["switera.W004"]


class _Database:
    """As much of a database connection as the check looks at."""

    vendor = "postgresql"

    def __init__(self, pg_version: int) -> None:
        self.pg_version = pg_version


@pytest.mark.parametrize(("version", "ids"), [(140_011, ["switera.E006"]), (150_000, []), (170_002, [])])
def test_postgresql_before_15_is_an_error(monkeypatch: pytest.MonkeyPatch, version: int, ids: list[str]) -> None:
    monkeypatch.setattr(checks, "connections", {"default": _Database(version)})
    problems = checks.database_version(None, databases=["default"])
    assert [problem.id for problem in problems] == ids


# Processes ---------------------------------------------------------------------------------------

GUNICORN = ["-m", "gunicorn", "-c", "python:switera_webhooks.gunicorn_conf", "--bind", "127.0.0.1:0"]
PROCESSES: dict[str, list[str]] = {
    "web": [*GUNICORN, "switera_webhooks.wsgi"],
    "wsgi": ["-c", "import switera_webhooks.wsgi"],
    "worker": ["-m", "celery", "--quiet", "-A", "switera_webhooks.celery", "worker", "--pool", "solo"],
    "scheduler": ["-m", "celery", "--quiet", "-A", "switera_webhooks.celery", "beat"],
    "make run": ["-m", "switera_webhooks.run"],
}
# `make run` sets DEBUG unless it is set.
LACKING: dict[str, str] = {"DEBUG": "", "DATABASE_URL": "", "SECRET_KEY": ""}


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_refuses_to_start_without_a_required_setting(name: str) -> None:
    result = run_program(*PROCESSES[name], variables={**PRODUCTION, **LACKING})
    assert result.returncode != 0
    assert "SECRET_KEY is not set." in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("name", ["web", "worker", "scheduler", "make run"])
def test_a_process_refuses_in_one_line(name: str) -> None:
    result = run_program(*PROCESSES[name], variables={**PRODUCTION, **LACKING})
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", ["web", "make run"])
def test_a_value_that_cannot_be_read_stops_a_process_in_one_line(name: str) -> None:
    result = run_program(*PROCESSES[name], variables={**PRODUCTION, "WEBHOOKS_TIMEOUT": "soon"})
    assert result.returncode != 0
    [line] = result.stderr.splitlines()
    assert "WEBHOOKS_TIMEOUT is 'soon', but must be a number from 0.1 to 120." in line


@pytest.mark.parametrize("arguments", [["migrate"], ["check"], ["emit_event", "shop", "order.paid"]])
def test_a_command_names_a_missing_secret_key_without_a_traceback(arguments: list[str]) -> None:
    result = manage(*arguments, variables={**PRODUCTION, **LACKING})
    assert result.returncode != 0
    assert "SECRET_KEY" in result.stderr
    assert "Traceback" not in result.stderr
