"""Reading answers of receivers that mean harm (security.md S20): framing that is beyond doubt, or an error.

`http.client` forgives where it should not: a chunk of size -1 makes it read without end, a 103 passes for the
answer (and the answer for that of the next request), headers that break off count as complete, a malformed one
hides the Content-Length after it, trailers and 100 Continue may go on for ever.
"""

import http.client
import re

MAX_INTERIM_RESPONSES = 10
MAX_LINE = 65_536  # bytes
MAX_FIELDS = 100  # headers, or trailers

_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9]) +([1-9][0-9]{2})(?: [^\r\n]*)?\r?\n")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*\r?\n", re.DOTALL)
_CONTINUATION = re.compile(rb"[ \t]+(.*?)[ \t]*\r?\n", re.DOTALL)
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?\r?\n", re.DOTALL)
_LINE_ENDS = (b"\r\n", b"\n")
_LENGTH = re.compile(r"[0-9]{1,18}")


class InvalidResponse(http.client.HTTPException):
    """The answer is not valid HTTP; the message is a clause that says why."""


class StrictResponse(http.client.HTTPResponse):
    """Raises InvalidResponse, and RemoteDisconnected where there is no answer at all."""

    def begin(self) -> None:
        """Read the head of the final response (RFC 9112, sections 4 to 6)."""
        minor_version = self._read_status_line()
        self.version = 11 if minor_version else 10
        self.headers = self.msg = self._read_fields()
        encodings = self.headers.get_all("transfer-encoding", [])
        self.chunked = bool(encodings)
        self.chunk_left = None
        if self.chunked and [encoding.lower() for encoding in encodings] != ["chunked"]:
            raise InvalidResponse("its transfer encoding is not chunked")
        lengths = set(self.headers.get_all("content-length", []))
        if len(lengths) > 1 or not all(_LENGTH.fullmatch(length) for length in lengths):
            raise InvalidResponse("its Content-Length is not a number")
        if self.status in (http.client.NO_CONTENT, http.client.NOT_MODIFIED):
            self.chunked, self.length = False, 0
        else:
            self.length = int(lengths.pop()) if lengths and not self.chunked else None
        # With both a length and an encoding the encoding counts, but the connection is not to be trusted further.
        self.will_close = (
            self._check_close()  # type: ignore[attr-defined]
            or (self.length is None and not self.chunked)
            or (self.chunked and "content-length" in self.headers)
        )

    def _read_status_line(self) -> int:
        for _ in range(MAX_INTERIM_RESPONSES + 1):
            match = _STATUS_LINE.fullmatch(self._line(first=True))
            if not match:
                raise InvalidResponse("it does not begin with an HTTP/1 status line")
            self.code = self.status = int(match[2])
            self.reason = ""
            if self.status >= 200:
                return int(match[1])
            if self.status == http.client.SWITCHING_PROTOCOLS:
                raise InvalidResponse("it switched to another protocol")
            self._read_fields()
        raise InvalidResponse("it sent one interim response after the other")

    def _read_fields(self) -> http.client.HTTPMessage:
        fields: list[tuple[str, str]] = []
        for _ in range(MAX_FIELDS + 1):
            line = self._line()
            if line in _LINE_ENDS:
                break
            if match := _FIELD.fullmatch(line):
                fields.append((match[1].decode("ascii"), match[2].decode("latin-1")))
            elif fields and (match := _CONTINUATION.fullmatch(line)):
                name, value = fields.pop()
                fields.append((name, f"{value} {match[1].decode('latin-1')}"))
            else:
                raise InvalidResponse("a header line is malformed")
        else:
            raise InvalidResponse(f"it has more than {MAX_FIELDS} header lines")
        message = http.client.HTTPMessage()
        for name, value in fields:
            message[name] = value
        return message

    def _get_chunk_left(self) -> int | None:
        """Bytes left in the current chunk; None after the last one. http.client's reading builds on it."""
        if self.chunk_left:
            return self.chunk_left
        if self.chunk_left == 0 and self._line() not in _LINE_ENDS:
            raise InvalidResponse("a chunk is longer than its size")
        match = _CHUNK_SIZE.fullmatch(self._line())
        if not match:
            raise InvalidResponse("the size of a chunk is not a number")
        self.chunk_left = int(match[1], 16) or None
        if self.chunk_left is None:
            self._read_fields()
            self._close_conn()  # type: ignore[attr-defined]
        return self.chunk_left

    def _line(self, *, first: bool = False) -> bytes:
        line = self.fp.readline(MAX_LINE + 1)
        if len(line) > MAX_LINE:
            raise InvalidResponse(f"a line of it is longer than {MAX_LINE} bytes")
        if not line.endswith(b"\n"):
            if first and not line:
                raise http.client.RemoteDisconnected("there is no answer")
            raise InvalidResponse("it ended too early")
        return line
