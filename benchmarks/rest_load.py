"""Load on REST from one cheap process: `python -m benchmarks.rest_load` with a Load as JSON on standard input.

A few connections kept alive and no HTTP library: a request costs it a twentieth of what it costs the server. Prints
a Found as JSON.
"""

import itertools
import json
import select
import socket  # noqa: TID251 (a client of the product, not a part of it)
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TypedDict

from benchmarks.stack import HOST, ROOT


class Found(TypedDict):
    """`answered` with 202, and others; `seconds` from the first request to the last answer; latencies in ms."""

    answered: int
    refused: int
    seconds: float
    p50: float
    p99: float
    cpu_seconds: float


@dataclass(frozen=True)
class Load:
    """POST `body` to `path`, each time with an Idempotency-Key of its own where `keyed`.

    With `rate` requests a second (0: as fast as they are answered), timed from the moment each was due.
    """

    port: int
    path: str
    key: str
    body: str
    keyed: bool
    connections: int
    seconds: float
    rate: float = 0.0


def load(asked: Load) -> Found:
    """Run it in a process of its own. Raises CalledProcessError, TimeoutExpired."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.rest_load"],
        cwd=ROOT,
        input=json.dumps(asdict(asked)),
        stdout=subprocess.PIPE,
        text=True,
        timeout=asked.seconds * 2 + 60,
        check=True,
    )
    found: Found = json.loads(done.stdout)
    return found


class _Connection:
    """One request at a time."""

    def __init__(self, port: int, number: int, epoll: select.epoll) -> None:
        self._address = ("127.0.0.1", port)
        self._epoll = epoll
        self._connect()

    def _connect(self) -> None:
        self.socket = socket.create_connection(self._address, timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._epoll.register(self.socket, select.EPOLLIN)
        self._buffer = b""

    def send(self, request: bytes, due: float) -> None:
        self.request, self.due = request, due
        self.socket.sendall(request)

    def received(self) -> int:
        """The status once the answer is there in full, 0 before; a connection that the server closed is made anew."""
        part = self.socket.recv(65_536)
        if not part:
            self._epoll.unregister(self.socket)
            self.socket.close()
            self._connect()
            # Nothing of an answer had come: its keep-alive had run out, and the key makes a repeat harmless.
            self.socket.sendall(self.request)
            return 0
        self._buffer += part
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return 0
        start = self._buffer.lower().index(b"content-length:", 0, head) + 15
        length = int(self._buffer[start : self._buffer.index(b"\r\n", start)])
        if len(self._buffer) < head + 4 + length:
            return 0
        status = int(self._buffer[9:12])
        self._buffer = b""
        return status


def _requests(asked: Load) -> Iterator[bytes]:
    body = asked.body.encode()
    head = (
        f"POST {asked.path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {asked.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    )
    run = time.time_ns()
    for number in itertools.count():
        key = f"Idempotency-Key: {run}-{number}\r\n" if asked.keyed else ""
        yield f"{head}{key}\r\n".encode() + body


def run(asked: Load) -> Found:
    epoll = select.epoll()
    made = [_Connection(asked.port, number, epoll) for number in range(asked.connections)]
    idle = deque(made)
    busy: dict[int, _Connection] = {}
    requests = _requests(asked)
    latencies: list[float] = []
    refused = 0
    started = time.monotonic()
    ends_at, due = started + asked.seconds, started
    while True:
        now = time.monotonic()
        while idle and now < ends_at and (not asked.rate or due <= now):
            connection = idle.popleft()
            connection.send(next(requests), due if asked.rate else now)
            busy[connection.socket.fileno()] = connection
            due += 1 / asked.rate if asked.rate else 0.0
        if now >= ends_at and not busy:
            break
        wait = max(0.0, due - now) if asked.rate and idle and now < ends_at else 0.2
        for number, _ in epoll.poll(wait):
            answering = busy.pop(number, None)
            if answering is None:  # an idle connection that the server closed
                closed = next(one for one in made if one.socket.fileno() == number)
                epoll.unregister(number)
                closed._connect()
                continue
            status = answering.received()
            if status == 0:
                busy[answering.socket.fileno()] = answering
                continue
            if status == 202:
                latencies.append((time.monotonic() - answering.due) * 1_000)
            else:
                refused += 1
            idle.append(answering)
    latencies.sort()
    answered = len(latencies)
    return {
        "answered": answered,
        "refused": refused,
        "seconds": time.monotonic() - started,
        "p50": latencies[answered // 2],
        "p99": latencies[min(answered - 1, answered * 99 // 100)],
        "cpu_seconds": time.process_time(),
    }


if __name__ == "__main__":
    print(json.dumps(run(Load(**json.load(sys.stdin)))))
