"""No receiver takes more of our time than it is given: security.md S17."""

import time
from contextlib import ExitStack

from deliveries.error_codes import ErrorCode
from deliveries.transport.sender import Sender
from tests.deliveries.transport.senders import BODY, request, send, send_one
from tests.receivers.behaviours import OK, answers, drips, drips_before_reading, never_answers
from tests.receivers.server import Behaviour, Receiver

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
TLS_RECORD = b"\x16\x03\x03\x40\x00" + b"\x02" * 200

SLOW: dict[str, tuple[str, Behaviour, int | None]] = {
    "no answer": ("http", never_answers, None),
    "status line": ("http", drips(b"", b"HTTP/1.1 200 " + b"x" * 500), None),
    "headers": ("http", drips(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 200), None),
    "interim responses": ("http", drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 20), None),
    "body with length": ("http", drips(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", b"x" * 500), 200),
    "body without length": ("http", drips(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 500), 200),
    "chunks": ("http", drips(CHUNKED, b"1\r\nx\r\n" * 100), 200),
    "trailers": ("http", drips(CHUNKED + b"0\r\n", b"X: y\r\n" * 100), 200),
    "silent body": ("http", drips(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", b"x", every=9), 200),
    "TLS handshake": ("https", drips_before_reading(TLS_RECORD), None),
    "no TLS handshake": ("https", never_answers, None),
    "request not read": ("http", lambda peer: (peer.pause(60), None)[1], None),
}


def test_s17_no_receiver_exceeds_the_wall_clock_by_a_second(sender: Sender) -> None:
    """S17: wherever it drips or hangs, and all of them at once."""
    with ExitStack() as running:
        requests = []
        for name, (scheme, behave, _) in SLOW.items():
            receiver = running.enter_context(Receiver(behave))
            url = f"{scheme}://hooks.example:{receiver.port}/"
            body = b"x" * 16_000_000 if name == "request not read" else BODY
            requests.append(request(url, token=name, body=body, timeout=1))
        started = time.monotonic()
        outcomes = send(sender, *requests)
        assert 1 <= time.monotonic() - started < 2

    assert {outcome.token: (outcome.error_code, outcome.status) for outcome in outcomes} == {
        name: (ErrorCode.TIMEOUT, status) for name, (_, _, status) in SLOW.items()
    }
    for outcome in outcomes:
        assert 1_000 <= outcome.duration_ms < 2_000
        assert outcome.error == "The receiver did not answer completely in time (1 s)."


def test_s17_what_came_before_the_wall_clock_is_recorded(sender: Sender) -> None:
    slow = drips(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\nX: y\r\n\r\nfirst ", b"x" * 494, every=0.3)

    with Receiver(slow) as receiver:
        outcome = send_one(sender, request(receiver.url("hooks.example"), timeout=1))

    assert outcome.error_code == ErrorCode.TIMEOUT
    assert outcome.body.startswith("first xx")
    assert outcome.truncated
    assert outcome.headers == (("Content-Length", "500"), ("X", "y"))


def test_s17_a_failure_status_counts_more_than_its_dripping_body(sender: Sender) -> None:
    with Receiver(drips(b"HTTP/1.1 410 Gone\r\n\r\nbye", b"x" * 500)) as receiver:
        outcome = send_one(sender, request(receiver.url("hooks.example"), timeout=1))

    assert (outcome.error_code, outcome.status, outcome.truncated) == (ErrorCode.HTTP_STATUS, 410, True)


def test_s17_wall_clocks_hold_while_whoever_started_the_requests_is_busy(sender: Sender) -> None:
    """A database that is away keeps the engine from asking for outcomes."""
    with Receiver(drips(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 500)) as slow, Receiver(answers(OK)) as prompt:
        sender.start(request(slow.url("hooks.example"), token="slow", timeout=1))
        sender.start(request(prompt.url("hooks.example"), token="prompt", timeout=1))
        time.sleep(2)
        outcomes = {outcome.token: outcome for outcome in sender.finished(wait=0, at_least=2)}

    assert (outcomes["prompt"].error_code, outcomes["slow"].error_code) == (None, ErrorCode.TIMEOUT)
    assert outcomes["prompt"].duration_ms < 1_000
    assert 1_000 <= outcomes["slow"].duration_ms < 2_000
