"""S29: the encryption key is rotated while the service runs."""

import json
from io import StringIO
from typing import Any
from unittest.mock import patch

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from pytest_django import Settings

from deliveries.endpoints import delete_endpoint, update_endpoint
from switera_webhooks.encryption import CannotDecrypt, decrypt, encrypt
from tests.factories import ACTOR, make_app, make_endpoint
from webhooks import encryption_rotation
from webhooks.encryption_rotation import Rotated, rotate_encryption_key
from webhooks.models import Endpoint, EndpointSecret
from webhooks.secrets import reveal_secret, rotate_secret

pytestmark = pytest.mark.django_db
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


@pytest.fixture(autouse=True)
def _old_key(settings: Settings) -> None:
    settings.WEBHOOKS_ENCRYPTION_KEYS = [OLD]


def texts(endpoint: Endpoint) -> tuple[str, dict[str, str]]:
    """The secret and the header values, as the configured keys open them."""
    endpoint.refresh_from_db()
    return reveal_secret(endpoint, ACTOR), {name: decrypt(value) for name, value in endpoint.headers.items()}


def test_all_comes_under_the_new_key_and_stays_the_same_text(settings: Settings) -> None:
    app = make_app().app
    endpoints = [make_endpoint(app, headers={"x-a": f"a{n}", "x-b": "b"} if n else {}) for n in range(3)]
    rotate_secret(endpoints[0], 60, ACTOR)
    before = [texts(endpoint) for endpoint in endpoints]
    versions = list(Endpoint.objects.order_by("id").values_list("version", "updated_at"))
    settings.WEBHOOKS_ENCRYPTION_KEYS = [NEW, OLD]
    newest = make_endpoint(app, headers={"x-c": "c"})

    rotated = rotate_encryption_key()

    assert rotated == Rotated(secrets=4, headers=4, already=2)
    settings.WEBHOOKS_ENCRYPTION_KEYS = [NEW]
    assert [texts(endpoint) for endpoint in endpoints] == before
    assert texts(newest)[1] == {"x-c": "c"}
    kept = Endpoint.objects.exclude(pk=newest.pk).order_by("id")
    assert list(kept.values_list("version", "updated_at")) == versions
    assert rotate_encryption_key() == Rotated(already=10)


def test_batches_are_short_and_what_is_left_is_found_by_the_next_run(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encryption_rotation, "ROWS_AT_ONCE", 2)
    app = make_app().app
    for number in range(5):
        make_endpoint(app, headers={"x-a": str(number)})
    settings.WEBHOOKS_ENCRYPTION_KEYS = [NEW, OLD]

    assert rotate_encryption_key(lambda: True) == Rotated(secrets=2, more=True)
    assert rotate_encryption_key() == Rotated(secrets=3, headers=5, already=2)


def test_what_is_edited_or_rotated_meanwhile_is_not_overwritten(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the batches of a run."""
    monkeypatch.setattr(encryption_rotation, "ROWS_AT_ONCE", 1)
    app = make_app().app
    first, second, third = (make_endpoint(app, headers={"x-a": "before"}) for _ in range(3))
    settings.WEBHOOKS_ENCRYPTION_KEYS = [NEW, OLD]
    done: list[str] = []

    def meanwhile() -> bool:
        if not done:
            done.append(rotate_secret(third, 0, ACTOR).text)
            update_endpoint(second, {"headers": {"x-a": "after"}}, ACTOR)
        return False

    rotate_encryption_key(meanwhile)

    settings.WEBHOOKS_ENCRYPTION_KEYS = [NEW]
    assert texts(third) == (done[0], {"x-a": "before"})
    assert texts(second)[1] == {"x-a": "after"}
    assert texts(first)[1] == {"x-a": "before"}


def test_rows_are_locked_while_they_are_encrypted_anew(settings: Settings) -> None:
    make_endpoint(make_app().app, headers={"x-a": "b"})
    settings.WEBHOOKS_ENCRYPTION_KEYS = [NEW, OLD]
    with (
        patch.object(
            EndpointSecret.objects, "select_for_update", wraps=EndpointSecret.objects.select_for_update
        ) as one,
        patch.object(Endpoint.objects, "select_for_update", wraps=Endpoint.objects.select_for_update) as other,
    ):
        rotate_encryption_key()
    one.assert_called_once_with(no_key=True)
    other.assert_called_once_with(no_key=True)


def test_a_deleted_endpoint_has_nothing_to_encrypt(settings: Settings) -> None:
    delete_endpoint(make_endpoint(make_app().app, headers={"x-a": "b"}), ACTOR)
    settings.WEBHOOKS_ENCRYPTION_KEYS = [NEW, OLD]

    assert rotate_encryption_key() == Rotated()


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("rotate_encryption_key", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_tells_what_it_did(settings: Settings) -> None:
    make_endpoint(make_app().app, headers={"x-a": "b"})
    settings.WEBHOOKS_ENCRYPTION_KEYS = [NEW, OLD]

    said = run()

    assert said.splitlines() == [
        "Encrypted 1 secret and 1 header value with the first key; 0 were already.",
        "Nothing needs the other keys any more: take them out of WEBHOOKS_ENCRYPTION_KEYS.",
    ]
    document: dict[str, Any] = json.loads(run("--json"))
    assert document == {"secrets": 0, "headers": 0, "already": 2, "unreadable": 0, "more": False}


def test_a_value_that_no_key_opens_stays_and_fails_the_command(settings: Settings) -> None:
    endpoint = make_endpoint(make_app().app, headers={"x-a": "b"})
    settings.WEBHOOKS_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    lost = encrypt("lost")
    Endpoint.objects.update(headers={"x-lost": lost, **Endpoint.objects.get().headers})
    settings.WEBHOOKS_ENCRYPTION_KEYS = [NEW, OLD]

    with pytest.raises(CommandError, match="1 value cannot be decrypted"):
        run()

    settings.WEBHOOKS_ENCRYPTION_KEYS = [NEW]
    endpoint.refresh_from_db()
    assert endpoint.headers["x-lost"] == lost
    assert decrypt(endpoint.headers["x-a"]) == "b"
    with pytest.raises(CannotDecrypt):
        decrypt(lost)
