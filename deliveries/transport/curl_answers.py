"""A receiver's answer as libcurl hands it over: line by line, then part by part (security.md S18 to S21)."""

from functools import lru_cache
from typing import NamedTuple

from deliveries.error_codes import ErrorCode
from deliveries.transport.answers import Answer, stored_headers
from deliveries.transport.failures import Failure, failure
from deliveries.transport.heads import (
    LINE_ENDS,
    MAX_FIELDS,
    MAX_INTERIM_RESPONSES,
    Framing,
    InvalidResponse,
    field,
    framing,
    status_line,
    too_many_fields,
    too_many_interim_responses,
)
from deliveries.transport.sender import MAX_RESPONSE_BODY, Headers

STOP = -1
# A receiver's heads are the same for a second (`Date`): to find one again takes a tenth of reading it.
_REMEMBERED_HEADS = 512
_REMEMBERED_LINES = 20
_REMEMBERED_BYTES = 2_048


class _Head(NamedTuple):
    status: int
    headers: Headers
    framing: Framing


class AnswerReader:
    """Fills Answers, one after the other, by the rules of `heads`, which are stricter than libcurl's.

    `take_line` and `take_part` are callbacks of libcurl: STOP makes it end the transfer and close the connection.
    `problem` is why a head is none, or what broke in here; `full` that no more of the body is wanted.
    """

    def __init__(self) -> None:
        self.begin(Answer())

    def begin(self, answer: Answer) -> None:
        """From now on fill this answer."""
        self._answer = answer
        self._lines: list[bytes] = []
        self._interim = 0
        self._framing: Framing | None = None
        self.problem: Exception | None = None
        self.full = False

    def take_line(self, line: bytes) -> int | None:
        """A line of a head, or of the trailers after the last chunk; libcurl has unfolded it."""
        lines = self._lines
        try:
            if line not in LINE_ENDS:
                lines.append(line)
                if len(lines) > MAX_FIELDS + (self._framing is None):
                    raise too_many_fields()
            elif self._framing is None:
                self._end_of_head(lines)
        except Exception as problem:  # noqa: BLE001 (libcurl has no use for it)
            self.problem = problem
            return STOP
        return None

    def take_part(self, part: bytes) -> int | None:
        """A part of the body. What fills the room is the last that is taken, unless it ends there."""
        if self._framing is None:  # for libcurl, a head ends with a CR that nothing follows
            self.problem = InvalidResponse("a header line is malformed")
            return STOP
        body = self._answer.body
        room = MAX_RESPONSE_BODY - len(body)
        if len(part) < room:
            body += part
            return None
        body += part[:room]
        if len(part) == room and self._framing.length == MAX_RESPONSE_BODY:
            return None
        self._answer.truncated = self.full = True
        return STOP

    @property
    def doubtful(self) -> bool:
        """Whether the connection is not to be trusted further."""
        return self._framing is not None and self._framing.doubtful

    @property
    def complete(self) -> bool:
        """Whether the answer is all there, though the receiver may not have read the whole request (S21)."""
        return self._framing is not None and self._framing.length == len(self._answer.body)

    def at_the_end(self) -> Failure | None:
        """What is wrong with an answer that libcurl is content with: its head breaks off, or a trailer is none."""
        if self._framing is not None:
            try:
                for trailer in self._lines:
                    field(trailer)
            except InvalidResponse as problem:
                return failure(ErrorCode.INVALID_RESPONSE, str(problem))
            return None
        return _ended_early() if self._lines else failure(ErrorCode.CONNECTION_RESET)

    def at_the_end_of_the_connection(self) -> Failure | None:
        """What it means that the receiver closed the connection now; None where that ends the body."""
        framed = self._framing and (self._framing.chunked or self._framing.length is not None)
        return _ended_early() if framed else self.at_the_end()

    def _end_of_head(self, lines: list[bytes]) -> None:
        self._lines = []
        remembered = len(lines) <= _REMEMBERED_LINES and sum(map(len, lines)) <= _REMEMBERED_BYTES
        head = (_remembered_head if remembered else _head)(tuple(lines))
        if head.status >= 200:
            answer = self._answer
            answer.status, answer.headers, self._framing = head
        else:
            self._interim += 1
            if self._interim > MAX_INTERIM_RESPONSES:
                raise too_many_interim_responses()


def _head(lines: tuple[bytes, ...]) -> _Head:
    if not lines:
        raise InvalidResponse("it does not begin with an HTTP/1 status line")
    status = status_line(lines[0]).status
    fields = [field(line) for line in lines[1:]]
    return _Head(status, stored_headers(fields), framing(status, fields) if status >= 200 else Framing(False, 0))


_remembered_head = lru_cache(_REMEMBERED_HEADS)(_head)


def _ended_early() -> Failure:
    return failure(ErrorCode.INVALID_RESPONSE, "it ended too early")
