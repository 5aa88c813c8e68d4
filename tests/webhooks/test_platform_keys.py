"""Platform keys: how one is made, and what the operator sets."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from tests.programs import run_program
from webhooks.platform_keys import is_platform_key


@pytest.mark.django_db
def test_create_platform_key_prints_a_key_and_its_hash_and_asks_no_database(settings: Settings) -> None:
    """S30: the service keeps no key, and this one's hash only once the operator has set it."""
    settings.WEBHOOKS_PLATFORM_KEY_HASHES = (b"\x0a" * 32,)
    out = StringIO()
    with CaptureQueriesContext(connection) as queries:
        call_command("create_platform_key", "--json", stdout=out)
    made = json.loads(out.getvalue())

    assert set(made) == {"key", "hash", "setting"}
    assert made["setting"] == f"WEBHOOKS_PLATFORM_KEY_HASHES={'0a' * 32},{made['hash']}"
    assert len(queries) == 0
    assert not is_platform_key(made["key"])
    settings.WEBHOOKS_PLATFORM_KEY_HASHES = (bytes.fromhex(made["hash"]),)
    assert is_platform_key(made["key"])


def test_create_platform_key_says_in_words_what_to_set() -> None:
    out = StringIO()
    call_command("create_platform_key", stdout=out)
    lines = out.getvalue().splitlines()

    assert lines[0].startswith("Platform key: sk_platform_")
    assert lines[1:3] == [
        "Keep it: it is stored nowhere and cannot be shown again.",
        "It works once the web processes have started with:",
    ]
    assert lines[3].startswith("WEBHOOKS_PLATFORM_KEY_HASHES=")


@pytest.mark.parametrize("value", ["sk_platform_hush", "abc", "0" * 63, "0" * 64 + ";" + "0" * 64, "0" * 64 + ",x"])
def test_hashes_that_are_none_stop_the_start_and_are_not_shown(value: str) -> None:
    result = run_program("manage.py", "check", variables={"DEBUG": "true", "WEBHOOKS_PLATFORM_KEY_HASHES": value})

    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "Settings: WEBHOOKS_PLATFORM_KEY_HASHES must be hashes of 64 hexadecimal digits, separated by commas, as "
        "`manage.py create_platform_key` prints them; a key itself does not belong there."
    ]
