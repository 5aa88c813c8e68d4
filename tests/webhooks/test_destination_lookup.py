"""Looking up names: deadlines, memory, and resolvers that hang (security.md S15)."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address

import pytest

from webhooks.destinations import name_lookup
from webhooks.destinations.address_guard import IPAddress
from webhooks.destinations.name_lookup import LookupFailed, LookupTimedOut, NameLookup, system_resolver

GOOD = ip_address("93.184.215.14")
OTHER = ip_address("2606:4700::1111")


class Clock:
    """Monotonic seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Resolver:
    """Answers GOOD at once; names that begin with `hang` only when released. Keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.released = threading.Event()
        self.failure: Exception | None = None
        self.answer: Sequence[IPAddress] = [GOOD]

    def __call__(self, name: str) -> Sequence[IPAddress]:
        self.asked.append(name)
        if name.startswith("hang"):
            self.released.wait()
        if self.failure:
            raise self.failure
        return self.answer


@contextmanager
def hanging(resolver: Resolver) -> Iterator[None]:
    """Releases whatever hangs at the end, so that no thread outlives its test."""
    try:
        yield
    finally:
        resolver.released.set()
        while any(thread.name == "name look-up" for thread in threading.enumerate()):
            time.sleep(0.01)


def test_an_answer_is_remembered_for_30_seconds_and_no_longer() -> None:
    clock, resolver = Clock(), Resolver()
    lookup = NameLookup(resolver, clock=clock)

    assert lookup.addresses("a.example", 1) == (GOOD,)
    clock.now += 29.9
    assert lookup.addresses("a.example", 1) == (GOOD,)
    assert resolver.asked == ["a.example"]
    clock.now += 0.1
    resolver.answer = [OTHER, GOOD]
    assert lookup.addresses("a.example", 1) == (OTHER, GOOD)
    assert resolver.asked == ["a.example"] * 2


@pytest.mark.parametrize(
    ("failure", "answer", "message"),
    [
        (socket.gaierror(-2, "No such name"), [], "a.example does not resolve (No such name)."),
        (UnicodeError("label too long"), [], "a.example does not resolve (label too long)."),
        (None, [], "a.example has no address."),
        (ZeroDivisionError("x"), [], "Looking up a.example failed (ZeroDivisionError('x'))."),
    ],
)  # fmt: skip
def test_a_failure_is_a_sentence_remembered_for_a_second(
    failure: Exception | None, answer: list[IPAddress], message: str
) -> None:
    clock, resolver = Clock(), Resolver()
    resolver.failure, resolver.answer = failure, answer
    lookup = NameLookup(resolver, clock=clock)

    for _ in range(2):
        with pytest.raises(LookupFailed) as failed:
            lookup.addresses("a.example", 1)
        assert str(failed.value) == message
    assert resolver.asked == ["a.example"]
    clock.now += 1
    resolver.failure, resolver.answer = None, [GOOD]
    assert lookup.addresses("a.example", 1) == (GOOD,)


def test_s11_a_name_with_more_addresses_than_a_receiver_has_counts_as_one_that_fails() -> None:
    resolver = Resolver()
    lookup = NameLookup(resolver)
    resolver.answer = [ip_address(0x08000000 + number) for number in range(64)]
    assert lookup.addresses("many.example", 1) == tuple(resolver.answer)

    resolver.answer = [*resolver.answer, GOOD]
    with pytest.raises(LookupFailed, match=r"^too-many\.example has more than 64 addresses\.$"):
        lookup.addresses("too-many.example", 1)


def test_a_name_that_hangs_ends_at_the_deadline_and_answers_late_askers_when_it_is_there() -> None:
    resolver = Resolver()
    lookup = NameLookup(resolver)
    with hanging(resolver):
        started = time.monotonic()
        with pytest.raises(LookupTimedOut, match=r"^Looking up hang\.example took longer than 0\.05 s\.$"):
            lookup.addresses("hang.example", 0.05)
        assert 0.05 <= time.monotonic() - started < 1
        threading.Timer(0.05, resolver.released.set).start()
        assert lookup.addresses("hang.example", 5) == (GOOD,)
        assert resolver.asked == ["hang.example"]


def test_askers_of_one_name_share_one_call() -> None:
    resolver = Resolver()
    lookup = NameLookup(resolver)
    results: list[tuple[IPAddress, ...]] = []
    askers = [threading.Thread(target=lambda: results.append(lookup.addresses("hang.example", 5))) for _ in range(20)]
    with hanging(resolver):
        for asker in askers:
            asker.start()
        with pytest.raises(LookupTimedOut):
            lookup.addresses("hang.example", 0.05)
    for asker in askers:
        asker.join()

    assert results == [(GOOD,)] * 20
    assert resolver.asked == ["hang.example"]


def test_names_that_hang_take_a_bounded_number_of_threads_and_never_those_of_proven_names() -> None:
    clock, resolver = Clock(), Resolver()
    lookup = NameLookup(resolver, clock=clock)
    lookup.addresses("proven.example", 1)
    clock.now += 60
    with hanging(resolver):
        for number in range(name_lookup.NEW_LANE + 20):
            with pytest.raises(LookupTimedOut):
                lookup.addresses(f"hang{number}.example", 0.001)
        threads = [thread for thread in threading.enumerate() if thread.name == "name look-up"]
        assert len(threads) == name_lookup.NEW_LANE

        assert lookup.addresses("proven.example", 5) == (GOOD,)
        with pytest.raises(LookupTimedOut):
            lookup.addresses("new.example", 0.05)

    assert lookup.addresses("new.example", 5) == (GOOD,)


def test_a_call_that_nobody_waits_for_any_more_is_not_made() -> None:
    clock, resolver = Clock(), Resolver()
    lookup = NameLookup(resolver, clock=clock)
    with hanging(resolver):
        for number in range(name_lookup.NEW_LANE):
            with pytest.raises(LookupTimedOut):
                lookup.addresses(f"hang{number}.example", 0.001)
        with pytest.raises(LookupTimedOut):
            lookup.addresses("waiting.example", 0.001)
        clock.now += 1
    assert len(resolver.asked) == name_lookup.NEW_LANE

    assert lookup.addresses("waiting.example", 5) == (GOOD,)


def test_a_name_that_hung_stays_in_the_slow_lane_until_it_answers_promptly() -> None:
    clock, resolver = Clock(), Resolver()
    lookup = NameLookup(resolver, clock=clock)
    names = [f"hang{number}.example" for number in range(name_lookup.SLOW_LANE + 5)]
    with hanging(resolver):
        for name in names:
            with pytest.raises(LookupTimedOut):
                lookup.addresses(name, 0.001)
        while len(resolver.asked) < len(names):
            time.sleep(0.01)
        clock.now += 5  # by this clock they all took 5 s
    resolver.released.clear()
    clock.now += 60
    with hanging(resolver):
        for name in names:
            with pytest.raises(LookupTimedOut):
                lookup.addresses(name, 0.001)
        threads = [thread for thread in threading.enumerate() if thread.name == "name look-up"]
        assert len(threads) == name_lookup.SLOW_LANE


def test_memory_is_bounded_and_the_oldest_answer_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_lookup, "MAX_REMEMBERED", 2)
    resolver = Resolver()
    lookup = NameLookup(resolver, clock=Clock())
    for name in ("a.example", "b.example", "c.example", "b.example", "c.example", "a.example"):
        lookup.addresses(name, 1)

    assert resolver.asked == ["a.example", "b.example", "c.example", "a.example"]


def test_the_systems_resolver_gives_each_address_once() -> None:
    addresses = system_resolver("localhost")

    assert ip_address("127.0.0.1") in addresses
    assert len(set(addresses)) == len(addresses)
    with pytest.raises(OSError, match="tests look up no names"):
        system_resolver("hooks.example.com")
