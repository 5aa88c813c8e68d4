"""A TCP server on loopback whose connections do what a test says, and that keeps what it was sent."""

import contextlib
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

JOIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One request as it came: `raw` is every byte of it, `connection` counts from 1."""

    connection: int
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    raw: bytes

    def header(self, name: str) -> str | None:
        """The value of the header, whatever its case; the first if there are several."""
        return next((value for own, value in self.headers if own.lower() == name.lower()), None)


class Peer:
    """The receiver's end of one connection."""

    def __init__(self, connection: socket.socket, number: int, receiver: "Receiver") -> None:
        self.number = number
        self._connection = connection
        self._receiver = receiver
        self._buffer = b""

    def read_request(self) -> ReceivedRequest | None:
        """The next request, recorded by the receiver; None when the sender has closed the connection."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._receive():
                return None
        head, _, rest = self._buffer.partition(b"\r\n\r\n")
        request_line, *lines = head.decode("utf-8").split("\r\n")
        method, target, _ = request_line.split(" ")
        headers = tuple((name, value) for name, _, value in (line.partition(": ") for line in lines))
        length = int(next((value for name, value in headers if name.lower() == "content-length"), "0"))
        while len(rest) < length:
            if not self._receive():
                return None
            rest = self._buffer.partition(b"\r\n\r\n")[2]
        raw = head + b"\r\n\r\n" + rest[:length]
        self._buffer = rest[length:]
        request = ReceivedRequest(self.number, method, target, headers, rest[:length], raw)
        self._receiver.requests.append(request)
        return request

    def read_some(self) -> bytes:
        """Whatever comes next, b"" at the end; for peers that do not speak HTTP."""
        return self._connection.recv(65_536)

    def send(self, data: bytes) -> None:
        """Send all of it. Raises OSError when the sender is gone."""
        self._connection.sendall(data)

    def drip(self, data: bytes, every: float) -> None:
        """Send a byte every so many seconds, until the end of the data, of the sender, or of the receiver."""
        for byte in data:
            self.send(bytes([byte]))
            if self.pause(every):
                return

    def pause(self, seconds: float) -> bool:
        """Wait; whether the receiver is being closed meanwhile."""
        return self._receiver.closing.wait(seconds)

    def wait_until_closed(self) -> None:
        """Say nothing until the sender gives up."""
        with contextlib.suppress(OSError):
            while self._connection.recv(65_536):
                pass

    def relay(self, other: socket.socket) -> None:
        """Pass on what comes, both ways, until one end closes."""
        other.sendall(self._buffer)
        ends = {self._connection: other, other: self._connection}
        while True:
            readable, _, _ = select.select(list(ends), [], [], 0.1)
            for end in readable:
                data = end.recv(65_536)
                if not data:
                    return
                ends[end].sendall(data)
            if self._receiver.closing.is_set():
                return

    @property
    def resumed(self) -> bool:
        """Whether the sender resumed a TLS session."""
        return isinstance(self._connection, ssl.SSLSocket) and bool(self._connection.session_reused)

    def say_goodbye(self) -> None:
        """End TLS in an orderly way (close_notify). The sender need not answer."""
        if isinstance(self._connection, ssl.SSLSocket):
            self._connection.settimeout(1)
            with contextlib.suppress(OSError):
                self._connection.unwrap()

    def close(self) -> None:
        """Close in an orderly way, before the behaviour ends."""
        self._connection.close()

    def reset(self) -> None:
        """Close with a TCP reset instead of an orderly end."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.close()

    def _receive(self) -> bool:
        data = self._connection.recv(65_536)
        self._buffer += data
        return bool(data)


Behaviour = Callable[[Peer], None]


class Receiver:
    """Runs `behave` for each connection, in a thread of its own. A context manager.

    With `tls`, the connection is handed over after the handshake; one that fails ends it.
    """

    def __init__(
        self, behave: Behaviour, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.requests: list[ReceivedRequest] = []
        self.connections = 0
        self.closing = threading.Event()
        self._behave = behave
        self._tls = tls
        self._live: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=256)
        self.port: int = self._listener.getsockname()[1]

    def url(self, host: str = "127.0.0.1", path: str = "/hook") -> str:
        """Where this receiver is reached under a name or address (IPv6 in brackets)."""
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    def __enter__(self) -> Self:
        thread = threading.Thread(target=self._accept, name="receiver", daemon=True)
        thread.start()
        self._threads.append(thread)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._live:
                with contextlib.suppress(OSError):
                    # The method of plain sockets: TLS would want to say goodbye.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
            threads = list(self._threads)
        for thread in threads:
            thread.join(JOIN_SECONDS)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                if self.closing.wait(0.01):
                    return
                continue  # no descriptors left, for the moment
            with self._lock:
                if self.closing.is_set():
                    connection.close()
                    return
                self.connections += 1
                self._live.add(connection)
                thread = threading.Thread(
                    target=self._serve, args=(connection, self.connections), name="receiver peer", daemon=True
                )
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        plain = connection
        try:
            if self._tls:
                connection = self._tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
                with self._lock:
                    self._live.discard(plain)
                    self._live.add(connection)
                    if self.closing.is_set():
                        return
                _shake_hands(connection)
            self._behave(Peer(connection, number, self))
        except OSError:  # the sender is gone, or refused the certificate
            pass
        finally:
            with self._lock:
                self._live.discard(plain)
                self._live.discard(connection)
            connection.close()
            plain.close()


def _shake_hands(connection: ssl.SSLSocket) -> None:
    try:
        connection.do_handshake()
    except ssl.SSLError:
        # With something unread, closing would reset the connection, and the reset may overtake our alert.
        connection.settimeout(1)
        while socket.socket.recv(connection, 65_536):
            pass
        raise
