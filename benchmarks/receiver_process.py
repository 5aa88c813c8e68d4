"""Receivers on loopback in one small process: `python -m benchmarks.receiver_process FILE ANSWER…`.

Each ANSWER is a receiver on a port of its own; their ports are printed as one JSON list. A line a request goes to
FILE: receiver, webhook-id, switera-attempt, nanoseconds since 1970 at which the request was there in full, tabs
between. Ends when its standard input does, so that whoever started it takes it along.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from enum import StrEnum
from functools import partial
from typing import TextIO

WRITE_OUT_SECONDS = 0.05


class Answer(StrEnum):
    """What a receiver does with each request."""

    ACCEPT = "accept"  # 204 at once
    FAIL = "fail"  # 500
    BUSY = "busy"  # 503 with Retry-After: 5
    SILENT = "silent"  # no answer, ever
    ACCEPT_THIRD = "accept-third"  # 500 twice, then 200, an event


BUSY_SECONDS = 5
_NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_FAILED = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: %d\r\nContent-Length: 0\r\n\r\n" % BUSY_SECONDS


class Receiver(asyncio.Protocol):
    """One connection of a sender that speaks HTTP/1.1 with Content-Length."""

    def __init__(self, number: int, answer: Answer, seen: Counter[bytes], record: TextIO) -> None:
        self._number = number
        self._answer = answer
        self._seen = seen
        self._record = record
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            headers = {
                name.lower(): value
                for name, _, value in (line.partition(b": ") for line in self._buffer[:end].split(b"\r\n")[1:])
            }
            length = end + 4 + int(headers[b"content-length"])
            if len(self._buffer) < length:
                return
            self._buffer = self._buffer[length:]
            self._received(headers)

    def _received(self, headers: dict[bytes, bytes]) -> None:
        event = headers[b"webhook-id"]
        attempt = headers[b"switera-attempt"]
        self._record.write(f"{self._number}\t{event.decode()}\t{attempt.decode()}\t{time.time_ns()}\n")
        if self._answer is Answer.ACCEPT:
            self._transport.write(_NO_CONTENT)
        elif self._answer is Answer.FAIL:
            self._transport.write(_FAILED)
        elif self._answer is Answer.BUSY:
            self._transport.write(_BUSY)
        elif self._answer is Answer.ACCEPT_THIRD:
            self._seen[event] += 1
            self._transport.write(_OK if self._seen[event] == 3 else _FAILED)


async def serve(answers: list[Answer], record: TextIO) -> None:
    """Receive until standard input ends."""
    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_server(partial(Receiver, number, answer, Counter(), record), "127.0.0.1", 0, backlog=1_024)
        for number, answer in enumerate(answers)
    ]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    ended = loop.run_in_executor(None, sys.stdin.read)
    while not ended.done():
        await asyncio.wait([ended], timeout=WRITE_OUT_SECONDS)
        record.flush()


if __name__ == "__main__":
    with open(sys.argv[1], "w", buffering=1 << 20) as record_file:
        asyncio.run(serve([Answer(answer) for answer in sys.argv[2:]], record_file))
