"""Receivers with certificates, good and bad: security.md S14."""

import ssl
from pathlib import Path

import pytest
import trustme

from deliveries.error_codes import ErrorCode
from deliveries.transport.sender import Outcome, Sender
from deliveries.transport.tls import client_context
from tests.deliveries.transport.senders import APP, OTHER_APP, MakeSender, judge, request, send_one
from tests.receivers.behaviours import OK, answer, answers, drips_before_reading
from tests.receivers.certificates import self_signed_context, server_context
from tests.receivers.server import Peer, Receiver


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
        ("not valid yet", ErrorCode.TLS_EXPIRED),
        ("expired, wrong name", ErrorCode.TLS_HOSTNAME),
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
        context = server_context(authority, "hooks.example", days=(-2, -1))
    elif certificate == "not valid yet":
        context = server_context(authority, "hooks.example", days=(1, 2))
    elif certificate == "expired, wrong name":
        context = server_context(authority, "other.example", days=(-2, -1))
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


def test_s14_of_two_faults_each_sender_names_the_one_that_it_meets_first(
    trusting: Sender, kind: str, tmp_path: Path
) -> None:
    """libcurl compares the names before it asks who signed, OpenSSL after, and neither tells of both."""
    outcome, receiver = outcome_of(trusting, self_signed_context("other.example", tmp_path))

    assert outcome.error_code == (ErrorCode.TLS_HOSTNAME if kind == "curl" else ErrorCode.TLS_UNTRUSTED)
    assert receiver.requests == []


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_s14_a_receiver_that_demands_a_certificate_of_ours_gets_no_request(
    trusting: Sender, authority: trustme.CA, version: ssl.TLSVersion
) -> None:
    context = server_context(authority, "hooks.example")
    context.minimum_version = context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)

    outcome, receiver = outcome_of(trusting, context)

    assert (outcome.error_code, outcome.status) == (ErrorCode.TLS_ERROR, None)
    assert outcome.error.startswith("A secure connection to the receiver could not be agreed on (")
    assert receiver.requests == []


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_s14_tls_1_2_and_1_3_are_spoken(trusting: Sender, authority: trustme.CA, version: ssl.TLSVersion) -> None:
    context = server_context(authority, "hooks.example")
    context.minimum_version = context.maximum_version = version

    outcome, receiver = outcome_of(trusting, context)

    assert (outcome.error_code, len(receiver.requests)) == (None, 1)


def test_s12_the_name_that_is_asked_for_in_the_handshake_is_the_urls(
    new_sender: MakeSender, authority: trustme.CA, tmp_path: Path
) -> None:
    """SNI; an address in the URL has none (RFC 6066)."""
    asked: list[str | None] = []
    context = server_context(authority, "hooks.example", "127.0.0.1")
    context.sni_callback = lambda connection, name, context: asked.append(name)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    sender = new_sender(judge(), ca_bundle=str(tmp_path / "authority.pem"))

    for host in ("hooks.example", "127.0.0.1"):
        assert outcome_of(sender, context, host)[0].error_code is None

    assert asked == ["hooks.example", None]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_s16_no_app_resumes_the_tls_session_of_another(
    trusting: Sender, authority: trustme.CA, version: ssl.TLSVersion
) -> None:
    context = server_context(authority, "hooks.example")
    context.minimum_version = context.maximum_version = version
    resumed: list[bool] = []

    def behave(peer: Peer) -> None:
        resumed.append(peer.resumed)
        if peer.read_request():
            peer.send(answer("200 OK", b"ok", "Connection: close"))

    with Receiver(behave, tls=context) as receiver:
        for app_id in (APP, OTHER_APP, APP, OTHER_APP):
            assert send_one(trusting, request(receiver.url("hooks.example"), app_id=app_id)).error_code is None

    assert resumed == [False] * 4


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("response", "code", "status", "body"),
    [
        (b"", ErrorCode.CONNECTION_RESET, None, ""),
        (b"HTTP/1.1 20", ErrorCode.CONNECTION_RESET, None, ""),
        (b"HTTP/1.1 200 OK\r\nServer: x", ErrorCode.INVALID_RESPONSE, None, ""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", ErrorCode.INVALID_RESPONSE, 200, "short"),
        (CHUNKED + b"9\r\nshort", ErrorCode.INVALID_RESPONSE, 200, "short"),
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", None, 200, "to the end"),
        (b"HTTP/1.1 410 Gone\r\n\r\nbye", ErrorCode.HTTP_STATUS, 410, "bye"),
    ],
)
@pytest.mark.parametrize("goodbye", [True, False], ids=["goodbye", "no goodbye"])
def test_s21_the_end_of_a_tls_connection_means_what_that_of_a_plain_one_does(
    trusting: Sender,
    authority: trustme.CA,
    goodbye: bool,
    response: bytes,
    code: ErrorCode | None,
    status: int | None,
    body: str,
) -> None:
    """With close_notify or, as many receivers do it, without."""

    def behave(peer: Peer) -> None:
        peer.read_request()
        peer.send(response)
        if goodbye:
            peer.say_goodbye()

    with Receiver(behave, tls=server_context(authority, "hooks.example")) as receiver:
        outcome = send_one(trusting, request(receiver.url("hooks.example")))

    assert (outcome.error_code, outcome.status, outcome.body) == (code, status, body)


def test_s20_what_follows_an_answer_in_its_tls_record_is_not_the_answer_to_the_next_request(
    trusting: Sender, authority: trustme.CA
) -> None:
    surplus = answer("200 OK", b"x" * 9_000) + b"HTTP/1.1 299 Prepared\r\nContent-Length: 0\r\n\r\n"

    with Receiver(answers(surplus, OK), tls=server_context(authority, "hooks.example")) as receiver:
        outcomes = [send_one(trusting, request(receiver.url("hooks.example"))) for _ in range(2)]

    assert [outcome.status for outcome in outcomes] == [200, 200]
    assert [received.connection for received in receiver.requests] == [1, 2]


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

    assert outcome.error_code == ErrorCode.TLS_ERROR


def test_a_receiver_that_resets_the_connection_in_the_handshake(trusting: Sender) -> None:
    def behave(peer: Peer) -> None:
        peer.read_some()
        peer.reset()

    with Receiver(behave) as receiver:
        outcome = send_one(trusting, request(f"https://hooks.example:{receiver.port}/"))

    assert outcome.error_code == ErrorCode.CONNECTION_RESET


def test_the_bundle_must_be_a_file_of_certificates(tmp_path: Path) -> None:
    text = tmp_path / "text.pem"
    text.write_text("no certificate")
    for path in (str(text), str(tmp_path / "missing.pem")):
        with pytest.raises(ValueError, match=r"^WEBHOOKS_CA_BUNDLE is .* but must be a file of PEM certificates"):
            client_context(path)
