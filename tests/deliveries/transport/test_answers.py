"""What receivers answer, and what is recorded of it: security.md S13, S18 to S23."""

import gzip
from datetime import UTC, datetime

import pytest

from deliveries.error_codes import ErrorCode
from deliveries.transport.sender import MAX_RESPONSE_BODY, Outcome, Sender
from tests.deliveries.transport.senders import request, send_one
from tests.receivers.behaviours import (
    OK,
    answer,
    answers,
    answers_once,
    closes_at_once,
    repeats,
    resets,
)
from tests.receivers.server import Behaviour, Peer, Receiver

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def outcome_of(sender: Sender, behave: Behaviour, timeout: float = 5.0) -> Outcome:
    with Receiver(behave) as receiver:
        return send_one(sender, request(receiver.url("hooks.example"), timeout=timeout))


@pytest.mark.parametrize(
    ("response", "status", "body"),
    [
        (OK, 200, "ok"),
        (answer("201 Created", b'{"a":1}'), 201, '{"a":1}'),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, "until the end"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end", 200, "until the end"),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, ""),
        (CHUNKED + b"2\r\nab\r\n3;x=y\r\ncde\r\n0\r\nTrailer: t\r\n\r\n", 200, "abcde"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, "ok"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK, 200, "ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2 \r\nContent-Length: 2\r\n\r\nok", 200, "ok"),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\nX: a\n  b\n\nok", 200, "ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n" + b" more\r\n" * 200 + b"\r\nok", 200, "ok"),
        (b"HTTP/1.1 299 Odd\r\nContent-Length: 2\r\n\r\nok", 299, "ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: a" + b" " * 60_000 + b"b\r\n\r\nok", 200, "ok"),
    ],
    ids=lambda value: value[:60].decode("latin-1") if isinstance(value, bytes) else None,
)
def test_s21_a_2xx_whose_body_ended_is_a_success(sender: Sender, response: bytes, status: int, body: str) -> None:
    outcome = outcome_of(sender, answers_once(response))

    assert (outcome.status, outcome.body, outcome.truncated) == (status, body, False)
    assert (outcome.error_code, outcome.error) == (None, "")


def test_an_outcome_holds_token_time_duration_and_headers(sender: Sender) -> None:
    token = object()
    before = datetime.now(UTC)
    with Receiver(answers(answer("200 OK", b"ok", "X-One: 1", "X-Two: a", "X-Two: b"))) as receiver:
        outcome = send_one(sender, request(receiver.url("hooks.example"), token=token))

    assert outcome.token is token
    assert before <= outcome.started_at <= datetime.now(UTC)
    assert outcome.started_at.utcoffset() is not None
    assert 0 <= outcome.duration_ms < 5_000
    assert outcome.headers == (("X-One", "1"), ("X-Two", "a"), ("X-Two", "b"), ("Content-Length", "2"))


@pytest.mark.parametrize("status", ["300 Odd", "301 Moved", "302 Found", "304 Not Modified", "307 T", "308 P"])
def test_s13_a_redirect_is_a_failure_and_is_not_followed(sender: Sender, status: str) -> None:
    with Receiver(answers(OK)) as target:
        location = target.url("hooks.example")
        outcome = outcome_of(sender, answers_once(answer(status, b"", f"Location: {location}")))

    assert (outcome.error_code, outcome.status) == (ErrorCode.REDIRECT, int(status[:3]))
    assert ("Location", location) in outcome.headers
    assert target.connections == 0


@pytest.mark.parametrize("status", [400, 401, 404, 410, 429, 500, 503, 600, 999])
def test_s22_s23_other_statuses_are_failures_with_status_headers_and_body(sender: Sender, status: int) -> None:
    outcome = outcome_of(sender, answers_once(answer(f"{status} No", b"why", "Retry-After: 5")))

    assert (outcome.error_code, outcome.status, outcome.body) == (ErrorCode.HTTP_STATUS, status, "why")
    assert outcome.error == (f"The receiver answered with a status other than 2xx (status {status}).")
    assert ("Retry-After", "5") in outcome.headers


@pytest.mark.parametrize(
    "response",
    [
        b"hello, I am no HTTP\r\n\r\n",
        b"<html>HTTP/0.9</html>",
        b"\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 99 Low\r\n\r\n",
        b"HTTP/1.1 2_0 OK\r\n\r\n",
        b"HTTP/1.1 1000 High\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 " + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: y\r\n" + (b" " + b"x" * 1_000 + b"\r\n") * 70 + b"\r\n",
        b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"x" * 60_000 + b"\r\n") * 6 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX:" + b" " * 3_000 + b"\x00\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX:" + b" " * 3_000 + b"\ry\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n folded: first\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        CHUNKED,
        CHUNKED + b"zz\r\nab\r\n0\r\n\r\n",
        CHUNKED + b"-1\r\nab\r\n0\r\n\r\n",
        CHUNKED + b"-5\r\nabcdefghij\r\n0\r\n\r\n",
        CHUNKED + b"+2\r\nab\r\n0\r\n\r\n",
        CHUNKED + b"0x2\r\nab\r\n0\r\n\r\n",
        CHUNKED + b"1_0\r\n" + b"a" * 16 + b"\r\n0\r\n\r\n",
        CHUNKED + b"5\r\nab",
        CHUNKED + b"2\r\nabc\r\n0\r\n\r\n",
        CHUNKED + b"2\r\nab\r\n0\r\n",
        CHUNKED + b"\r\n",
        CHUNKED + b"f" * 70_000,
        CHUNKED + b"0\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        CHUNKED + b"0\r\nX:" + b" " * 3_000 + b"\ry\r\n\r\n",
    ],
    ids=lambda response: response[:60].decode("latin-1"),
)
def test_s20_answers_that_are_no_valid_http_are_recorded_as_such(sender: Sender, response: bytes) -> None:
    outcome = outcome_of(sender, answers_once(response))

    assert outcome.error_code == ErrorCode.INVALID_RESPONSE
    assert outcome.error.startswith("The receiver's answer is not valid HTTP")
    assert outcome_of(sender, answers(OK)).error_code is None


@pytest.mark.parametrize("repeated", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 P\r\nX: y\r\n\r\n"])
def test_s20_endless_interim_responses_are_cut_short(sender: Sender, repeated: bytes) -> None:
    outcome = outcome_of(sender, repeats(b"", repeated), timeout=30)

    assert (outcome.error_code, outcome.status) == (ErrorCode.INVALID_RESPONSE, None)
    assert outcome.duration_ms < 5_000


@pytest.mark.parametrize(
    ("prompt", "repeated"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK", b"x" * 100),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y" * 100),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y\r\n " * 20),
        (b"HTTP/1.1 100 Continue\r\nX: ", b"y" * 100),
        (CHUNKED + b"0\r\n", b"X: y\r\n"),
        (CHUNKED + b"0\r\nX: ", b"y" * 100),
        (CHUNKED, b"0" * 100),
    ],
    ids=["headers", "status", "header", "folded header", "interim header", "trailers", "trailer", "chunk size"],
)
def test_s20_endless_fields_are_cut_short(sender: Sender, prompt: bytes, repeated: bytes) -> None:
    outcome = outcome_of(sender, repeats(prompt, repeated), timeout=30)

    assert outcome.error_code == ErrorCode.INVALID_RESPONSE
    assert outcome.duration_ms < 5_000


def test_the_status_of_a_failure_says_more_than_its_broken_body(sender: Sender) -> None:
    outcome = outcome_of(sender, answers_once(b"HTTP/1.1 503 No\r\nContent-Length: 10\r\n\r\nshort"))

    assert (outcome.error_code, outcome.status) == (ErrorCode.HTTP_STATUS, 503)
    assert (outcome.body, outcome.truncated) == ("short", True)


def test_s18_at_most_16_kib_of_a_50_mb_body_are_read_and_the_connection_is_closed(sender: Sender) -> None:
    chunk = b"x" * 65_536
    sent = 0

    def behave(peer: Peer) -> None:
        nonlocal sent
        if peer.read_request():
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 52428800\r\n\r\n")
            while sent < 52_428_800:
                peer.send(chunk)
                sent += len(chunk)

    outcome = outcome_of(sender, behave)

    assert (outcome.error_code, outcome.truncated) == (None, True)
    assert outcome.body == "x" * MAX_RESPONSE_BODY
    assert sent < 52_428_800


@pytest.mark.parametrize(
    ("response", "truncated"),
    [
        (answer("200 OK", b"x" * MAX_RESPONSE_BODY), False),
        (answer("200 OK", b"x" * (MAX_RESPONSE_BODY + 1)), True),
        (CHUNKED + b"100000\r\n" + b"x" * 0x100000 + b"\r\n0\r\n\r\n", True),
        (CHUNKED + b"ffffffffff\r\n" + b"x" * 20_000, True),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 20_000, True),
    ],
    ids=["exactly", "one more", "chunk of a megabyte", "chunk of a terabyte", "until the end"],
)
def test_s18_a_2xx_that_reaches_16_kib_is_a_success(sender: Sender, response: bytes, truncated: bool) -> None:
    outcome = outcome_of(sender, answers_once(response))

    assert (outcome.error_code, outcome.truncated) == (None, truncated)
    assert outcome.body == "x" * MAX_RESPONSE_BODY


def test_s21_a_2xx_that_fills_what_is_stored_and_then_says_nothing_is_a_success_at_once(sender: Sender) -> None:
    def behave(peer: Peer) -> None:
        if peer.read_request():
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + b"x" * MAX_RESPONSE_BODY)
            peer.wait_until_closed()

    outcome = outcome_of(sender, behave)

    assert (outcome.error_code, outcome.truncated, len(outcome.body)) == (None, True, MAX_RESPONSE_BODY)
    assert outcome.duration_ms < 4_000


def test_s18_a_character_that_the_cap_cuts_in_two_is_left_out(sender: Sender) -> None:
    outcome = outcome_of(sender, answers_once(answer("200 OK", b"x" + "\u20ac".encode() * 6_000)))

    assert outcome.body == "x" + "\u20ac" * ((MAX_RESPONSE_BODY - 1) // 3)


def test_s19_a_compressed_answer_is_stored_not_inflated(sender: Sender) -> None:
    bomb = gzip.compress(b"\x00" * 10_000_000)[:2_000]
    response = answer("200 OK", bomb, "Content-Encoding: gzip")
    many = answer("200 OK", b"ok", "Content-Encoding: " + ", ".join(["gzip"] * 500))

    outcome = outcome_of(sender, answers_once(response))
    assert outcome.error_code is None
    assert outcome.body == bomb.decode("utf-8", "replace").replace("\x00", "\ufffd")
    outcome = outcome_of(sender, answers_once(many))
    assert (outcome.error_code, outcome.body, outcome.truncated) == (None, "ok", False)


def test_s20_nul_and_invalid_utf8_become_text_that_any_database_takes(sender: Sender) -> None:
    response = b"HTTP/1.1 200 OK\r\nX-Bytes: \xff\xe9\r\nContent-Length: 6\r\n\r\na\x00b\xff\xc3c"

    outcome = outcome_of(sender, answers_once(response))

    assert outcome.error_code is None
    assert outcome.body == "a\ufffdb\ufffd\ufffdc"
    assert outcome.headers == (("X-Bytes", "\xff\xe9"), ("Content-Length", "6"))


def test_s20_headers_are_stored_as_far_as_they_fit(sender: Sender) -> None:
    headers = [f"X-{number}: {'v' * 5_000}" for number in range(20)]

    outcome = outcome_of(sender, answers_once(answer("200 OK", b"ok", *headers)))

    assert (outcome.error_code, outcome.body) == (None, "ok")
    assert outcome.headers == tuple((f"X-{number}", "v" * 4_096) for number in range(7))


@pytest.mark.parametrize(
    ("behave", "code", "status"),
    [
        (closes_at_once, ErrorCode.CONNECTION_RESET, None),
        (resets(), ErrorCode.CONNECTION_RESET, None),
        (answers_once(b"HTTP/1.1 100 Continue\r\n\r\n"), ErrorCode.CONNECTION_RESET, None),
        (answers_once(b"HTTP/1.1 200"), ErrorCode.CONNECTION_RESET, None),
        (answers_once(b"HTTP/1.1 200 OK\r\n"), ErrorCode.INVALID_RESPONSE, None),
        (answers_once(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"), ErrorCode.INVALID_RESPONSE, None),
        (resets(b"HTTP/1.1 20"), ErrorCode.CONNECTION_RESET, None),
        (resets(b"HTTP/1.1 200 OK\r\nContent-Le"), ErrorCode.CONNECTION_RESET, None),
        (resets(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), ErrorCode.CONNECTION_RESET, 200),
    ],
    ids=[
        "closed",
        "reset",
        "closed after a 100",
        "closed in the status",
        "closed after the status",
        "closed in the headers",
        "reset in the status",
        "reset in the headers",
        "reset in the body",
    ],
)
def test_connections_that_end_before_the_answer_does(
    sender: Sender, behave: Behaviour, code: ErrorCode, status: int | None
) -> None:
    outcome = outcome_of(sender, behave)

    assert (outcome.error_code, outcome.status) == (code, status)
    assert outcome.body == ("abc" if status else "")
