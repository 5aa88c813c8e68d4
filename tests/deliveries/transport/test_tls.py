"""Receivers with certificates, good and bad: security.md S14."""

import ssl
from pathlib import Path

import pytest
import trustme

from deliveries.error_codes import ErrorCode
from deliveries.transport.sender import Outcome, Sender
from deliveries.transport.tls import client_context
from tests.deliveries.transport.senders import MakeSender, judge, request, send_one
from tests.receivers.behaviours import OK, answers, drips_before_reading
from tests.receivers.certificates import self_signed_context, server_context
from tests.receivers.server import Receiver


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusting(new_sender: MakeSender, authority: trustme.CA, tmp_path: Path) -> Sender:
    """A sender whose operator added the authority in a bundle."""
    bundle = tmp_path / "authorities.pem"
    authority.cert_pem.write_to_path(str(bundle))
    return new_sender(judge(), ca_bundle=str(bundle))


def outcome_of(sender: Sender, context: ssl.SSLContext, host: str = "hooks.example") -> tuple[Outcome, Receiver]:
    with Receiver(answers(OK), tls=context) as receiver:
        return send_one(sender, request(receiver.url(host))), receiver


def test_s14_a_certificate_of_the_operators_authority_is_trusted_and_the_connection_kept(
    trusting: Sender, authority: trustme.CA
) -> None:
    with Receiver(answers(OK), tls=server_context(authority, "hooks.example")) as receiver:
        outcomes = [send_one(trusting, request(receiver.url("hooks.example"))) for _ in range(3)]

    assert [(outcome.error_code, outcome.status) for outcome in outcomes] == [(None, 200)] * 3
    assert [received.connection for received in receiver.requests] == [1, 1, 1]


def test_s14_an_ip_address_is_verified_as_one(trusting: Sender, authority: trustme.CA) -> None:
    good, _ = outcome_of(trusting, server_context(authority, "127.0.0.1"), "127.0.0.1")
    wrong, receiver = outcome_of(trusting, server_context(authority, "127.0.0.2"), "127.0.0.1")

    assert good.error_code is None
    assert wrong.error_code == ErrorCode.TLS_HOSTNAME
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("certificate", "code"),
    [
        ("unknown authority", ErrorCode.TLS_UNTRUSTED),
        ("self-signed", ErrorCode.TLS_UNTRUSTED),
        ("expired", ErrorCode.TLS_EXPIRED),
        ("wrong name", ErrorCode.TLS_HOSTNAME),
        ("name of the common name only", ErrorCode.TLS_HOSTNAME),
        ("TLS 1.1", ErrorCode.TLS_ERROR),
    ],
)
def test_s14_bad_certificates_have_codes_of_their_own_and_get_no_request(
    trusting: Sender, authority: trustme.CA, tmp_path: Path, certificate: str, code: ErrorCode
) -> None:
    if certificate == "unknown authority":
        context = server_context(trustme.CA(), "hooks.example")
    elif certificate == "self-signed":
        context = self_signed_context("hooks.example", tmp_path)
    elif certificate == "expired":
        context = server_context(authority, "hooks.example", expired=True)
    elif certificate == "wrong name":
        context = server_context(authority, "other.example", "*.hooks.example")
    elif certificate == "name of the common name only":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("other.example", common_name="hooks.example").configure_cert(context)
    else:
        context = old_tls_context(authority)

    outcome, receiver = outcome_of(trusting, context)

    assert (outcome.error_code, outcome.status) == (code, None)
    assert outcome.error.startswith(code.sentence.removesuffix("."))
    assert receiver.requests == []


def old_tls_context(authority: trustme.CA) -> ssl.SSLContext:
    context = server_context(authority, "hooks.example")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def test_s14_without_the_bundle_the_authority_is_unknown(sender: Sender, authority: trustme.CA) -> None:
    outcome, receiver = outcome_of(sender, server_context(authority, "hooks.example"))

    assert outcome.error_code == ErrorCode.TLS_UNTRUSTED
    assert receiver.requests == []


def test_a_receiver_that_speaks_no_tls(trusting: Sender) -> None:
    with Receiver(drips_before_reading(b"HTTP/1.1 400 Bad Request\r\n\r\n", every=0)) as receiver:
        outcome = send_one(trusting, request(f"https://hooks.example:{receiver.port}/"))

    assert outcome.error_code == ErrorCode.TLS_ERROR


def test_a_receiver_that_hangs_up_in_the_handshake(trusting: Sender) -> None:
    with Receiver(drips_before_reading(b"", every=0)) as receiver:
        outcome = send_one(trusting, request(f"https://hooks.example:{receiver.port}/"))

    assert outcome.error_code in {ErrorCode.TLS_ERROR, ErrorCode.CONNECTION_RESET}


def test_the_bundle_must_be_a_file_of_certificates(tmp_path: Path) -> None:
    text = tmp_path / "text.pem"
    text.write_text("no certificate")
    for path in (str(text), str(tmp_path / "missing.pem")):
        with pytest.raises(ValueError, match=r"^WEBHOOKS_CA_BUNDLE is .* but must be a file of PEM certificates"):
            client_context(path)
