"""What receivers get, and what they never get: security.md S13, S15, S24 to S26, S31."""

import logging

import pytest

from deliveries.error_codes import ErrorCode
from deliveries.transport.sender import Sender
from tests.deliveries.transport.senders import BODY, HEADERS, request, send_one
from tests.receivers.behaviours import OK, answer, answers
from tests.receivers.server import Peer, Receiver


def test_s26_the_receiver_gets_exactly_the_bytes_and_headers_given(
    sender: Sender, receiver: Receiver, kind: str
) -> None:
    headers = (*HEADERS, ("x-token", "caf\u00e9 \u2603"), ("x-empty", ""))
    optional_space = "" if kind == "curl" else " "  # before a value that is empty

    send_one(sender, request(receiver.url("Hooks.example", "/a%2Fb?c=d"), headers=headers))

    assert [received.raw for received in receiver.requests] == [
        (
            "POST /a%2Fb?c=d HTTP/1.1\r\n"
            f"Host: hooks.example:{receiver.port}\r\n"
            "Accept-Encoding: identity\r\n"
            "content-type: application/json\r\n"
            "user-agent: Switera-Webhooks/0\r\n"
            "webhook-id: evt_1\r\n"
            "x-token: caf\u00e9 \u2603\r\n"
            f"x-empty:{optional_space}\r\n"
            f"Content-Length: {len(BODY)}\r\n"
            "\r\n"
        ).encode()
        + BODY
    ]


def test_s26_nothing_is_sent_that_was_not_given(sender: Sender, receiver: Receiver) -> None:
    for _ in range(2):
        send_one(sender, request(receiver.url("hooks.example"), headers=()))

    assert [dict(received.headers) for received in receiver.requests] == [
        {
            "Host": f"hooks.example:{receiver.port}",
            "Accept-Encoding": "identity",
            "Content-Length": str(len(BODY)),
        }
    ] * 2


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/?x=1",
        "/a//b/../c/./d/...",
        "/..",
        "/%2E%2E/%00%0D%0A",
        "/caf%C3%A9;v=1,2&3'()*!$:@-._~+",
        "/p?a=b?c&d=/../e//&f=%20+'",
        "/" + "x" * 1_900,
    ],
)
def test_s26_the_target_is_sent_as_it_was_saved(sender: Sender, receiver: Receiver, target: str) -> None:
    assert send_one(sender, request(receiver.url("hooks.example", target))).error_code is None

    assert [received.target for received in receiver.requests] == [target]


def test_s26_a_url_without_a_path_asks_for_the_root(sender: Sender, receiver: Receiver) -> None:
    for rest in ("", "?a=b"):
        assert send_one(sender, request(receiver.url("hooks.example", rest))).error_code is None

    assert [received.target for received in receiver.requests] == ["/", "/?a=b"]


@pytest.mark.parametrize("size", [0, 1, 16_384, 65_536, 1_048_577, 4_000_000])
def test_s26_bodies_of_any_size_and_any_bytes_arrive_as_they_are(sender: Sender, receiver: Receiver, size: int) -> None:
    body = (bytes(range(256)) * (size // 256 + 1))[:size]
    for _ in range(2):
        assert send_one(sender, request(receiver.url("hooks.example"), body=body)).error_code is None

    assert [received.body for received in receiver.requests] == [body, body]
    assert [received.header("expect") for received in receiver.requests] == [None, None]


def test_s15_proxies_netrc_and_cookies_are_ignored(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("home")
    for name in ("netrc", ".netrc"):
        (home / name).write_text("machine hooks.example login u password p\n")
    monkeypatch.setenv("NETRC", str(home / "netrc"))
    monkeypatch.setenv("HOME", str(home))
    with Receiver(answers(OK)) as proxy, Receiver(answers(answer("200 OK", b"", "Set-Cookie: a=b"))) as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy.url())
        monkeypatch.delenv("NO_PROXY", raising=False)
        for _ in range(2):
            assert send_one(sender, request(receiver.url("hooks.example"))).error_code is None

    assert proxy.connections == 0
    assert len(receiver.requests) == 2
    for received in receiver.requests:
        assert received.header("authorization") is None
        assert received.header("cookie") is None


@pytest.mark.parametrize(
    "headers",
    [
        (("x-a", "secret\r\nb: c"),),
        (("x-a", "secret\nb: c"),),
        (("x-a", "sec\x00ret"),),
        (("x-a\r\nb", "secret"),),
        (("x a", "secret"),),
        (("", "secret"),),
        (("x-a:", "secret"),),
    ],
)
def test_s24_a_header_that_is_none_is_not_sent_and_the_log_says_where_but_not_what(
    sender: Sender,
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
    headers: tuple[tuple[str, str], ...],
) -> None:
    """S20, S31: what breaks inside is an outcome."""
    with caplog.at_level(logging.DEBUG):
        outcome = send_one(sender, request(receiver.url("hooks.example"), headers=headers))

    assert outcome.error_code == ErrorCode.INTERNAL_ERROR
    assert outcome.error == "The attempt failed inside this service."
    assert "An attempt failed with ValueError" in caplog.text
    assert "secret" not in caplog.text
    assert receiver.requests == []
    assert send_one(sender, request(receiver.url("hooks.example"))).error_code is None


def test_s25_s31_the_log_holds_no_url_and_no_header_of_a_receiver_that_misbehaves(
    sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    bad = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\nno colon\r\n\r\n0\r\n\r\n"
    with caplog.at_level(logging.DEBUG), Receiver(answers(bad)) as receiver:
        send_one(sender, request(receiver.url("hooks.example", "/token-in-path"), headers=(("x-a", "s3cret"),)))

    assert len(receiver.requests) == 1
    assert "token-in-path" not in caplog.text
    assert "s3cret" not in caplog.text


def test_an_early_answer_to_a_large_request_is_taken(sender: Sender) -> None:
    """A receiver may answer before it has read the body (413, for one)."""

    def behave(peer: Peer) -> None:
        peer.read_some()
        peer.send(answer("413 Too Large", b"", "Connection: close"))
        peer.wait_until_closed()

    with Receiver(behave) as receiver:
        outcome = send_one(sender, request(receiver.url("hooks.example"), body=b"x" * 4_000_000))

    assert (outcome.error_code, outcome.status) == (ErrorCode.HTTP_STATUS, 413)


def test_s21_a_complete_2xx_counts_though_the_connection_breaks_while_the_request_is_still_sent(
    sender: Sender,
) -> None:
    def behave(peer: Peer) -> None:
        peer.read_some()
        peer.send(answer("200 OK", b"early"))
        peer.pause(0.1)
        peer.reset()

    with Receiver(behave) as receiver:
        outcome = send_one(sender, request(receiver.url("hooks.example"), body=b"x" * 8_000_000))

    assert (outcome.error_code, outcome.status, outcome.body, outcome.truncated) == (None, 200, "early", False)
    assert receiver.connections == 1
