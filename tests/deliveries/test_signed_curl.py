"""A delivery's message by `curl`: real commands, run in real shells."""

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest
from standardwebhooks import Webhook

from deliveries.endpoints import delete_endpoint, update_endpoint
from deliveries.models import Delivery
from deliveries.receiver import Receiver as SampleReceiver
from deliveries.signed_curl import signed_curl_command
from events.models import Event
from switera_webhooks.refusals import Conflict
from tests.factories import ACTOR, make_app, make_attempt, make_delivery, make_endpoint, make_event
from tests.receivers import runtimes
from tests.receivers.behaviours import OK, answers
from tests.receivers.server import Receiver
from webhooks.models import AuditEntry, Endpoint, EndpointSecret
from webhooks.secrets import reveal_secret, rotate_secret

pytestmark = pytest.mark.django_db

SHELLS = [shell for shell in ("sh", "bash") if shutil.which(shell)]
ODD_BODY = """@/etc/hostname 'single' "double" `id` $(id) \\n \\ ! % %s
line two é ☃ """


@pytest.fixture
def delivery() -> Delivery:
    app = make_app().app
    return make_delivery(make_event(app, data={"name": 'O\'Neill & "Söhne"'}), make_endpoint(app))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(answers(OK)) as receiver:
        yield receiver


def run(command: str, shell: str = "sh") -> str:
    """What the command prints: the answer with its head."""
    if runtimes.curl() is None:
        pytest.skip("curl is not installed; `make test` says how to install it.")
    # By standard input, as if it were typed: a command of that length is no argument either.
    finished = subprocess.run([shell], input=f"{command}\n", capture_output=True, text=True, timeout=20, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_s29_the_command_is_accepted_by_a_receiver_that_verifies_and_is_on_record(delivery: Delivery) -> None:
    secret = reveal_secret(delivery.endpoint, ACTOR)
    said: list[str] = []
    with SampleReceiver(0, secret, said.append) as receiver:
        threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        Endpoint.objects.update(url=f"http://127.0.0.1:{receiver.server_port}/hook")
        shown = run(signed_curl_command(delivery, ACTOR))
        receiver.shutdown()

    assert shown.startswith("HTTP/1.1 204 ")
    (line,) = said
    assert "  verified  " in line
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.actor_name, entry.target_id, entry.changes) == (
        "delivery.curl.signed",
        ACTOR.name,
        delivery.public_id,
        {"endpoint_id": delivery.endpoint.public_id},
    )


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("repeat", [1, 3_000], ids=["short", "longer than an argument"])
def test_s26_s27_every_byte_arrives_as_it_is_with_a_new_timestamp(
    delivery: Delivery, receiver: Receiver, shell: str, repeat: int
) -> None:
    secret = reveal_secret(delivery.endpoint, ACTOR)
    body = ODD_BODY * repeat
    target = "/a'b/$(id)/../c;d&e!*~?x=1&y='%20'&z=[1-3]{a,b}"
    Event.objects.update(payload=body)
    Endpoint.objects.update(url=receiver.url(path=target))
    delivery = Delivery.objects.get()
    make_attempt(delivery, 3)
    before = int(time.time())

    run(signed_curl_command(delivery, ACTOR), shell)

    (request,) = receiver.requests
    headers = {name.lower(): value for name, value in request.headers}
    assert (request.method, request.target, request.body) == ("POST", target, body.encode())
    Webhook(secret).verify(request.body, headers, json_parse=False)
    assert before <= int(headers["webhook-timestamp"]) <= int(time.time())
    assert headers["webhook-id"] == delivery.event.public_id
    assert headers["switera-delivery-id"] == delivery.public_id
    assert (headers["switera-attempt"], headers["switera-event-type"]) == ("3", "order.paid")
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"].startswith("Switera-Webhooks/")
    assert "expect" not in headers


def test_s25_values_of_own_headers_are_placeholders(delivery: Delivery, receiver: Receiver) -> None:
    update_endpoint(delivery.endpoint, {"headers": {"X-Token": "hush-hush", "o'clock": "five"}}, ACTOR)
    Endpoint.objects.update(url=receiver.url())

    command = signed_curl_command(delivery, ACTOR)
    run(command)

    assert "hush-hush" not in command
    assert "--header 'X-Token: <value of X-Token>'" in command
    (request,) = receiver.requests
    assert request.header("x-token") == "<value of X-Token>"
    assert request.header("o'clock") == "<value of o'clock>"


def test_during_a_rotation_both_secrets_sign(delivery: Delivery, receiver: Receiver) -> None:
    old = reveal_secret(delivery.endpoint, ACTOR)
    new = rotate_secret(delivery.endpoint, 60, ACTOR).text
    Endpoint.objects.update(url=receiver.url())

    run(signed_curl_command(delivery, ACTOR))

    (request,) = receiver.requests
    for secret in (old, new):
        Webhook(secret).verify(request.body, dict(request.headers))


def test_the_command_holds_no_secret_and_neither_does_the_audit_log(delivery: Delivery) -> None:
    """S29, S31."""
    secret = reveal_secret(delivery.endpoint, ACTOR)

    command = signed_curl_command(delivery, ACTOR)

    assert secret not in command
    assert secret.removeprefix("whsec_") not in command
    assert "v1," in command
    assert "v1," not in str(list(AuditEntry.objects.values()))


def test_a_deleted_endpoint_has_nothing_to_sign_with(delivery: Delivery) -> None:
    delete_endpoint(delivery.endpoint, ACTOR)
    before = AuditEntry.objects.count()

    with pytest.raises(Conflict, match=r"^The endpoint of this delivery is deleted: there is no secret") as refused:
        signed_curl_command(delivery, ACTOR)

    assert (refused.value.code, AuditEntry.objects.count()) == ("endpoint_deleted", before)


def test_a_secret_that_cannot_be_decrypted_is_a_refusal_in_words(delivery: Delivery) -> None:
    EndpointSecret.objects.update(ciphertext="broken")
    before = AuditEntry.objects.count()

    with pytest.raises(Conflict) as refused:
        signed_curl_command(delivery, ACTOR)

    assert (refused.value.code, AuditEntry.objects.count()) == ("cannot_sign", before)
    assert "broken" not in refused.value.message
