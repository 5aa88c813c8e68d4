"""Answers of noise, and good ones with noise in them: security.md S20."""

import random
from uuid import UUID

from deliveries.error_codes import ErrorCode
from deliveries.transport.sender import Outcome, Sender
from tests.deliveries.transport.senders import KINDS, judge, request
from tests.receivers.crowd import CrowdReceiver

COUNT = 10_000
GOOD = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\nT: t\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n\r\nok",
    b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\nto the end",
    b"HTTP/1.1 503 No\r\nRetry-After: 5\r\nContent-Length: 3\r\n\r\nbad",
]
# What readers of HTTP disagree about, and what makes some of them act.
PIECES = [
    *(b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"\x00", b"\xff", b"-", b"+", b",", b"2", b";x=y"),
    *(b"HTTP/1.1 ", b"HTTP/1.0 ", b"204", b"301", b"304", b"401", b"407", b"410", b"417", b"1xx"),
    *(b" folded\r\n", b"\tfolded\r\n", b"X: y\r\n", b"0\r\n\r\n", b"100 Continue\r\n\r\n"),
    *(b"Content-Length: 2\r\n", b"Content-Length: 5\r\n", b"Content-Length: 2, 2\r\n", b"Content-Length:\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"transfer-encoding: gzip\r\n", b"Transfer-Encoding:\r\n"),
    *(b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Upgrade: h2c\r\n", b"Trailer: x\r\n"),
    *(b"Content-Encoding: gzip\r\n", b"Content-Range: bytes 0-1/2\r\n", b"Retry-After: 5\r\n"),
    *(b"Location: /x\r\n", b"Set-Cookie: a=b\r\n", b'Alt-Svc: h2=":443"\r\n', b"HTTP/1.1 103 E\r\nLink: a\r\n\r\n"),
    *(b"WWW-Authenticate: Basic realm=x\r\n", b"Proxy-Authenticate: Basic realm=x\r\n"),
]


def random_answers() -> list[bytes]:
    """The same each time."""
    source = random.Random(20)
    return [source.randbytes(source.randrange(300)) if source.random() < 0.1 else spoilt(source) for _ in range(COUNT)]


def spoilt(source: random.Random) -> bytes:
    """A good answer, changed in up to three places."""
    response = bytearray(source.choice(GOOD))
    for _ in range(source.randrange(1, 4)):
        position = source.randrange(len(response))
        edit = source.randrange(5)
        if edit == 0:
            response[position] = source.randrange(256)
        elif edit == 1:
            response[position:position] = source.randbytes(source.randrange(1, 20))
        elif edit == 2:
            del response[position : position + source.randrange(1, 10)]
        elif edit == 3:
            response[position:position] = source.choice(PIECES)
        else:
            lines = [number + 1 for number, byte in enumerate(response) if byte == 10]
            position = source.choice(lines or [0])
            response[position:position] = source.choice(PIECES)
        response = response or bytearray(b"H")
    return bytes(response)


def send_all(sender: Sender, receiver: CrowdReceiver) -> list[Outcome]:
    """The outcome for each answer. An app each: no connection is kept that the receiver is closing."""
    outcomes: dict[object, Outcome] = {}
    started = 0
    while len(outcomes) < COUNT:
        for number in range(started, min(started + sender.room(), COUNT)):
            body = str(number).encode()
            url = receiver.url("hooks.example")
            sender.start(request(url, token=number, app_id=UUID(int=number), body=body, timeout=20))
            started += 1
        outcomes.update({outcome.token: outcome for outcome in sender.finished(wait=5, at_least=8)})
    return [outcomes[number] for number in range(COUNT)]


def test_s20_ten_thousand_random_answers_are_outcomes_and_the_same_from_every_sender() -> None:
    responses = random_answers()
    seen: dict[str, list[Outcome]] = {}
    for kind, make in KINDS.items():
        sender = make(judge(), slots=32)
        with CrowdReceiver(lambda body: responses[int(body)]) as receiver:
            seen[kind] = send_all(sender, receiver)
        assert sorted(map(int, receiver.bodies)) == list(range(COUNT))
        sender.close()

    for response, *outcomes in zip(responses, *seen.values(), strict=True):
        facts = [
            # requests brings headers of the same name together.
            (each.error_code, each.status, each.body, each.truncated, sorted(each.headers))
            for each in outcomes
        ]
        assert facts == facts[:1] * len(facts), response
        code = outcomes[0].error_code
        assert code in {
            None,
            ErrorCode.HTTP_STATUS,
            ErrorCode.REDIRECT,
            ErrorCode.INVALID_RESPONSE,
            ErrorCode.CONNECTION_RESET,
        }
        assert "\x00" not in outcomes[0].body
        for each in outcomes:
            assert (each.error == "") is (code is None)
