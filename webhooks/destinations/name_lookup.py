"""Looking up host names within a deadline, for code that judges every address it gets (security.md S11, S15).

`getaddrinfo` can be neither interrupted nor asked how long its answer holds. So each call runs in a thread
of its own; whoever asked stops waiting at the deadline, and the call ends when the system's resolver gives
up, after some 5 to 30 s. What names that hang can take is bounded:

- One call a name: further askers wait for the call under way, so a name that hangs holds one thread.
- Three lanes with room for a few calls each: names that were answered promptly the last time, names that were
  not, and names never asked for. Made-up names that hang keep other new names waiting, never the proven ones.
- A call that waited in its lane until nobody wanted its answer is not made.
"""

import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TypeVar

from webhooks.destinations.address_guard import IPAddress

REMEMBER_SECONDS = 30.0
REMEMBER_FAILURE_SECONDS = 1.0
# Each is judged, and dialled when those before it refuse. DNS has room for thousands in an answer, the host of
# a receiver for some ten: an owner of names is not to have half the internet dialled from here.
MAX_ADDRESSES = 64
MAX_REMEMBERED = 4_096
MAX_KNOWN = 16_384
PROMPT_SECONDS = 2.0
PROMPT_LANE, NEW_LANE, SLOW_LANE = 32, 32, 8  # calls at once

Resolver = Callable[[str], Sequence[IPAddress]]
Value = TypeVar("Value")


class LookupFailed(Exception):
    """The name has no address now; the message is one sentence."""


class LookupTimedOut(LookupFailed):
    """No answer within the deadline."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(f"Looking up {name} took longer than {seconds:.3g} s.")


def system_resolver(name: str) -> list[IPAddress]:
    """Every A and AAAA answer of the system's resolver, in its order of preference. Raises OSError."""
    answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    # A zone (fe80::1%eth0) is dropped: the guard judges the address.
    texts = [str(answer[4][0]).partition("%")[0] for answer in answers]
    return [ip_address(text) for text in dict.fromkeys(texts)]


@dataclass(frozen=True, slots=True, eq=False)
class LookupAnswer:
    """What came of a look-up, equal to itself alone.

    `failure` is empty or one sentence, `forget_at` monotonic seconds.
    """

    addresses: tuple[IPAddress, ...]
    failure: str
    forget_at: float

    def get(self) -> tuple[IPAddress, ...]:
        """Never an empty tuple. Raises LookupFailed."""
        if self.failure:
            raise LookupFailed(self.failure)
        return self.addresses


@dataclass(slots=True)
class _Call:
    name: str
    wanted_until: float
    answer: Future[LookupAnswer] = field(default_factory=Future)


class _Lane:
    """Runs calls in at most `width` threads at once; the rest wait in order."""

    def __init__(self, width: int, run: Callable[[_Call], None]) -> None:
        self._width = width
        self._run = run
        self._running = 0
        self._waiting: deque[_Call] = deque()
        self._lock = threading.Lock()

    def start(self, call: _Call) -> None:
        with self._lock:
            if self._running >= self._width:
                self._waiting.append(call)
                return
            self._running += 1
        # A daemon, so that a resolver that hangs does not keep the process from ending.
        thread = threading.Thread(target=self._work, args=(call,), name="name look-up", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads
            with self._lock:
                self._running -= 1
            raise

    def _work(self, call: _Call) -> None:
        while True:
            self._run(call)
            with self._lock:
                if not self._waiting:
                    self._running -= 1
                    return
                call = self._waiting.popleft()


class NameLookup:
    """Addresses of names, remembered for REMEMBER_SECONDS at most; safe to share between threads.

    `clock` gives monotonic seconds. A failure is remembered for REMEMBER_FAILURE_SECONDS.
    """

    def __init__(self, resolve: Resolver = system_resolver, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._resolve = resolve
        self._clock = clock
        self._lock = threading.Lock()
        self._answers: dict[str, LookupAnswer] = {}
        self._calls: dict[str, _Call] = {}
        self._prompt_lane = _Lane(PROMPT_LANE, self._run)
        self._new_lane = _Lane(NEW_LANE, self._run)
        self._slow_lane = _Lane(SLOW_LANE, self._run)
        self._lane_of: dict[str, _Lane] = {}

    def addresses(self, name: str, timeout: float) -> tuple[IPAddress, ...]:
        """The addresses of `name`, waiting `timeout` seconds at most; never an empty tuple.

        Raises LookupFailed, and LookupTimedOut at the deadline.
        """
        return self.answer(name, timeout).get()

    def answer(self, name: str, timeout: float) -> LookupAnswer:
        """What is known of `name`, waiting `timeout` seconds at most. Raises LookupTimedOut at the deadline."""
        answer = self.remembered(name)
        if answer is None:
            try:
                answer = self.begin(name, timeout).result(timeout)
            except TimeoutError:
                raise LookupTimedOut(name, timeout) from None
        return answer

    def remembered(self, name: str) -> LookupAnswer | None:
        """The answer that is known and holds; None when the name has to be looked up."""
        answer = self._answers.get(name)
        return answer if answer is not None and answer.forget_at > self._clock() else None

    def begin(self, name: str, timeout: float) -> Future[LookupAnswer]:
        """Look the name up, or wait for the call under way; whoever asks gives up after `timeout` seconds.

        Raises RuntimeError when the system has no more threads.
        """
        wanted_until = self._clock() + timeout
        with self._lock:
            call = self._calls.get(name)
            if call is None:
                call = _Call(name, wanted_until)
                self._lane_of.get(name, self._new_lane).start(call)
                self._calls[name] = call
            call.wanted_until = max(call.wanted_until, wanted_until)
        return call.answer

    def _run(self, call: _Call) -> None:
        started = self._clock()
        with self._lock:  # nobody joins a call that is given up
            given_up = started >= call.wanted_until
            if given_up:
                del self._calls[call.name]
        if given_up:
            call.answer.set_result(LookupAnswer((), f"Looking up {call.name} took too long.", started))
            return
        addresses: tuple[IPAddress, ...] = ()
        failure = ""
        try:
            addresses = tuple(self._resolve(call.name))
        except (OSError, UnicodeError) as error:
            failure = f"{call.name} does not resolve ({_reason(error)})."
        except Exception as error:  # noqa: BLE001 (whoever waits must hear of it)
            failure = f"Looking up {call.name} failed ({error!r})."
        if not addresses and not failure:
            failure = f"{call.name} has no address."
        if len(addresses) > MAX_ADDRESSES:
            failure = f"{call.name} has more than {MAX_ADDRESSES} addresses."
        ended = self._clock()
        remember = REMEMBER_FAILURE_SECONDS if failure else REMEMBER_SECONDS
        answer = LookupAnswer(addresses, failure, ended + remember)
        with self._lock:
            _put_last(self._answers, call.name, answer, MAX_REMEMBERED)
            if ended - started > PROMPT_SECONDS:
                _put_last(self._lane_of, call.name, self._slow_lane, MAX_KNOWN)
            elif not failure:
                _put_last(self._lane_of, call.name, self._prompt_lane, MAX_KNOWN)
            del self._calls[call.name]
        call.answer.set_result(answer)


def _put_last(memory: dict[str, Value], name: str, value: Value, most: int) -> None:
    """Keep the memory in order of age, and drop the oldest when there are too many."""
    memory.pop(name, None)
    memory[name] = value
    if len(memory) > most:
        del memory[next(iter(memory))]


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
