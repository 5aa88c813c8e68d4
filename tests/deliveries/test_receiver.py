"""The sample receiver behind `manage.py listen`: says of every request whether it is verified, and survives all."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection

import pytest

from deliveries.receiver import MAX_BODY_BYTES, InvalidSecret, Receiver
from deliveries.transport.signing import decode_secret, signature_header
from tests.programs import ROOT, environment, manage
from tests.servers.processes import free_port, listens
from webhooks.secrets import new_secret_text

SECRET = new_secret_text()
BODY = json.dumps({"type": "order.paid", "data": {"order_id": "1042", "note": "Grüße"}}, ensure_ascii=False).encode()
Answer = tuple[int, str]


def signed(body: bytes = BODY, *, secret: str = SECRET, age: int = 0) -> dict[str, str]:
    timestamp = int(time.time()) - age
    return {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature_header("evt_1", timestamp, body, [decode_secret(secret)]),
        "switera-event-type": "order.paid",
        "switera-delivery-id": "dlv_1",
        "switera-attempt": "2",
    }


class Listening:
    """A receiver in a thread, and what it said."""

    def __init__(self, secret: str | None, *, as_json: bool = False) -> None:
        self.lines: list[str] = []
        self.server = Receiver(free_port(), secret, self.lines.append, as_json=as_json)
        self.port: int = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def post(self, body: bytes = BODY, headers: dict[str, str] | None = None) -> Answer:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request("POST", "/", body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def send_raw(self, data: bytes) -> bytes:
        """Bytes as they are; what comes back until the end."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := connection.recv(65_536):
                answer += piece
            return answer

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def listening() -> Iterator[Listening]:
    listening = Listening(SECRET)
    yield listening
    listening.close()


def test_a_signed_message_is_verified_and_printed_in_a_line(listening: Listening) -> None:
    assert listening.post(headers=signed()) == (204, "")
    [line] = listening.lines
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d  order\.paid  evt_1  dlv_1  attempt 2  verified  "
        r'\{"order_id": "1042", "note": "Grüße"\}',
        line,
    )


UNVERIFIED: dict[str, tuple[bytes, Callable[[], dict[str, str]], str]] = {
    "no headers": (BODY, dict, "Missing required headers"),
    "another body": (BODY + b" ", signed, "No matching signature found"),
    "another secret": (BODY, lambda: signed(secret=new_secret_text()), "No matching signature found"),
    "an hour old": (BODY, lambda: signed(age=3600), "Message timestamp too old"),
    "no version": (BODY, lambda: signed() | {"webhook-signature": "garbage"}, "Malformed signature or body"),
    "no base64": (BODY, lambda: signed() | {"webhook-signature": "v1,a"}, "Malformed signature or body"),
    "no UTF-8": (b"\xff\xfe", lambda: signed(b"\xff\xfe"), "Malformed signature or body"),
}


@pytest.mark.parametrize("name", UNVERIFIED)
def test_what_cannot_be_verified_is_refused_with_the_reason(listening: Listening, name: str) -> None:
    body, headers, reason = UNVERIFIED[name]
    assert listening.post(body, headers()) == (400, f"NOT VERIFIED: {reason}")
    assert f"  NOT VERIFIED: {reason}  " in listening.lines[0]


def test_for_a_program_each_message_is_a_json_object_in_a_line() -> None:
    listening = Listening(SECRET, as_json=True)
    listening.post(headers=signed())
    listening.post(headers=signed() | {"webhook-signature": "v1,AAAA"})
    listening.close()

    verified, refused = (json.loads(line) for line in listening.lines)
    received_at = verified.pop("received_at")
    assert received_at.endswith("Z")
    assert verified == {
        "id": "evt_1",
        "type": "order.paid",
        "delivery_id": "dlv_1",
        "attempt": "2",
        "verified": True,
        "problem": None,
        "body": BODY.decode(),
    }
    assert (refused["verified"], refused["problem"]) == (False, "No matching signature found")


def test_without_a_secret_it_says_that_nothing_is_verified() -> None:
    listening = Listening(None)
    assert listening.post(headers=signed()) == (204, "")
    assert "  not verified: no --secret given  " in listening.lines[0]
    listening.close()


def test_nothing_printed_can_move_the_cursor_or_break_the_line(listening: Listening) -> None:
    body = b'{"data": "\x1b[2J\r\n\x07' + "\N{RIGHT-TO-LEFT OVERRIDE}".encode()
    listening.post(body, {"switera-event-type": "a\x1b[31m\tb"})
    [line] = listening.lines
    assert line.isprintable()


def test_long_data_is_shown_in_short(listening: Listening) -> None:
    body = json.dumps({"data": "x" * 100_000}).encode()
    assert listening.post(body, signed(body)) == (204, "")
    assert len(listening.lines[0]) < 250
    assert listening.lines[0].endswith("…")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: " + "²".encode("latin-1") + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1),
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc",
        b"POST / HTTP/1.1\r\n" + b"a: b\r\n" * 500 + b"\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 8\r\n\r\n" + b"[" * 8,
    ],
)
def test_garbage_is_answered_or_dropped_and_the_next_message_served(listening: Listening, data: bytes) -> None:
    answer = listening.send_raw(data)
    assert answer == b"" or re.match(rb"HTTP/1\.\d [45]\d\d |<!DOCTYPE", answer)
    assert listening.post(headers=signed()) == (204, "")


def test_deeply_nested_data_is_no_trouble(listening: Listening) -> None:
    body = b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert listening.post(body, signed(body)) == (204, "")


def test_connections_are_kept_alive(listening: Listening) -> None:
    with closing(HTTPConnection("127.0.0.1", listening.port, timeout=10)) as connection:
        connection.connect()
        first = connection.sock
        for headers in (signed(), {}):
            connection.request("POST", "/", BODY, headers)
            connection.getresponse().read()
        assert connection.sock is first


@pytest.mark.parametrize("secret", ["", "sk_live_1", "whsec_", "whsec_%%%%"])
def test_what_is_no_secret_is_refused_before_it_listens(secret: str) -> None:
    with pytest.raises(InvalidSecret):
        Receiver(free_port(), secret, print)


# The command -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_what_arrives_and_ends_quietly(number: signal.Signals) -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "listen", "--port", str(port), "--secret", "-"],
        cwd=ROOT,
        env=environment({"DEBUG": "true"}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(SECRET + "\n")
    process.stdin.flush()
    until = time.monotonic() + 30
    while not listens(port):
        assert time.monotonic() < until
        time.sleep(0.05)
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("POST", "/", BODY, signed())
        assert connection.getresponse().status == 204
    assert "  verified  " in process.stdout.readline()
    process.send_signal(number)
    assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 0


def test_a_taken_port_and_a_malformed_secret_are_one_line_each() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = manage("listen", "--port", port, variables={"DEBUG": "true"})
    assert result.returncode == 1
    assert re.fullmatch(
        rf"CommandError: Port {port} cannot be listened on \(.*\): choose another one with --port\.\n", result.stderr
    )
    result = manage("listen", "--secret", "sk_live_1", variables={"DEBUG": "true"})
    assert (result.returncode, result.stderr) == (1, "CommandError: An endpoint secret starts with whsec_.\n")
