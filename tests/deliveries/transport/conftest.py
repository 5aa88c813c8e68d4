"""Every test that asks for a sender runs with each kind; the transport's suites need no database."""

from collections.abc import Iterator

import pytest

from deliveries.transport.sender import Sender
from switera_webhooks.environment import Proxy
from tests.deliveries.transport.senders import KINDS, MakeSender, judge
from tests.receivers.behaviours import OK, answers
from tests.receivers.server import Receiver
from webhooks.destinations import name_lookup
from webhooks.destinations.judge import DestinationJudge


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of sender that the test runs with."""
    return str(request.param)


@pytest.fixture
def new_sender(kind: str) -> Iterator[MakeSender]:
    """Makes senders, which are closed after the test."""
    made: list[Sender] = []

    def make(judge: DestinationJudge, *, ca_bundle: str = "", slots: int = 16, proxy: Proxy | None = None) -> Sender:
        made.append(KINDS[kind](judge, ca_bundle=ca_bundle, slots=slots, proxy=proxy))
        return made[-1]

    yield make
    for sender in made:
        sender.close()


@pytest.fixture
def sender(new_sender: MakeSender) -> Sender:
    """A sender that reaches `….example` and 127.0.0.0/8."""
    return new_sender(judge())


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that answers 200, on a connection that it keeps."""
    with Receiver(answers(OK)) as running:
        yield running


@pytest.fixture
def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every attempt looks its name up."""
    monkeypatch.setattr(name_lookup, "REMEMBER_SECONDS", 0.0)
