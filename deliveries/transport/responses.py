"""Reading answers of receivers that mean harm, by the rules of `heads` (security.md S20).

`http.client` forgives where it should not: a chunk of size -1 makes it read without end, a 103 passes for the
answer (and the answer for that of the next request), headers that break off count as complete, a malformed one
hides the Content-Length after it, trailers and 100 Continue may go on for ever.
"""

import http.client
import re

from deliveries.transport.heads import (
    LINE_ENDS,
    MAX_FIELDS,
    MAX_HEAD,
    MAX_INTERIM_RESPONSES,
    MAX_LINE,
    InvalidResponse,
    field,
    framing,
    status_line,
    too_large,
    too_long,
    too_many_fields,
    too_many_interim_responses,
)

_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[^0-9A-Fa-f\n][^\n]*)?\n")


class StrictResponse(http.client.HTTPResponse):
    """Raises InvalidResponse, and RemoteDisconnected where there is no answer at all."""

    def begin(self) -> None:
        """Read the head of the final response."""
        self._head_bytes = 0
        minor_version = self._read_status_line()
        self.version = 11 if minor_version else 10
        self.headers = self.msg = self._read_fields()
        self.chunked, self.length, doubtful = framing(self.status, self.headers.items())
        self.chunk_left = None
        self.will_close = (
            self._check_close()  # type: ignore[attr-defined]
            or (self.length is None and not self.chunked)
            or doubtful
        )

    def _read_status_line(self) -> int:
        for _ in range(MAX_INTERIM_RESPONSES + 1):
            line = self._line()
            if not line.endswith((b"\r", b"\n")) and b"HTTP/".startswith(line[:5]):
                raise http.client.RemoteDisconnected("there is no answer")
            minor_version, status = status_line(self._counted(line))
            self.code = self.status = status
            self.reason = ""
            if status >= http.client.OK:
                return minor_version
            self._read_fields()
        raise too_many_interim_responses()

    def _read_fields(self, *, folded: bool = True) -> http.client.HTTPMessage:
        fields: list[list[bytes]] = []
        while (line := self._counted(self._whole_line())) not in LINE_ENDS:
            if folded and fields and line.startswith((b" ", b"\t")):
                fields[-1].append(line)
            elif len(fields) < MAX_FIELDS:
                fields.append([line])
            else:
                raise too_many_fields()
        message = http.client.HTTPMessage()
        for lines in fields:
            name, value = field(lines[0] if len(lines) == 1 else _unfolded(lines))
            message[name] = value
        return message

    def _get_chunk_left(self) -> int | None:
        """Bytes left in the current chunk; None after the last one. http.client's reading builds on it."""
        if self.chunk_left:
            return self.chunk_left
        if self.chunk_left == 0 and self._whole_line().lstrip(b"\r") != b"\n":
            raise InvalidResponse("a chunk is longer than its size")
        match = _CHUNK_SIZE.fullmatch(self._whole_line())
        if not match:
            raise InvalidResponse("the size of a chunk is not a number")
        self.chunk_left = int(match[1], 16) or None
        if self.chunk_left is None:
            self._read_fields(folded=False)
            self._close_conn()  # type: ignore[attr-defined]
        return self.chunk_left

    def _counted(self, line: bytes) -> bytes:
        self._head_bytes += len(line)
        if self._head_bytes > MAX_HEAD:
            raise too_large()
        return line

    def _whole_line(self) -> bytes:
        line = self._line()
        if not line.endswith(b"\n"):
            raise InvalidResponse("it ended too early")
        return line

    def _line(self) -> bytes:
        line = self.fp.readline(MAX_LINE + 1)
        if len(line) > MAX_LINE:
            raise too_long()
        return line


def _unfolded(lines: list[bytes]) -> bytes:
    return lines[0].rstrip() + b" " + b" ".join(line.strip() for line in lines[1:]) + b"\n"
