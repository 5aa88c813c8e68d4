"""A receiver for thousands of connections, in one thread: each brings one request and gets what a test says."""

import asyncio
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class CrowdReceiver:
    """Answers a request's body with `answer(body)`, whatever bytes these are, and closes. A context manager."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self.bodies: list[bytes] = []
        self.port = 0
        self._answer = answer
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="crowd receiver", daemon=True)

    def url(self, host: str) -> str:
        """Where this receiver is reached under a name."""
        return f"http://{host}:{self.port}/hook"

    def received(self, body: bytes) -> bytes:
        self.bodies.append(body)
        return self._answer(body)

    def __enter__(self) -> Self:
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(5)
        self.port = server.sockets[0].getsockname()[1]
        self._server = server
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        return await self._loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=1_024)


class _Connection(asyncio.Protocol):
    def __init__(self, receiver: CrowdReceiver) -> None:
        self._receiver = receiver
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if end and len(body) == int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]):
            self._transport.write(self._receiver.received(body))
            self._transport.close()
