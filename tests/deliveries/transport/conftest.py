"""A sender a test; the transport's suites need no database."""

from collections.abc import Iterator

import pytest

from deliveries.transport.sender import Sender
from tests.deliveries.transport.senders import judge, requests_sender


@pytest.fixture
def sender() -> Iterator[Sender]:
    """A sender that reaches `….example` and 127.0.0.0/8, closed after the test."""
    made = requests_sender(judge())
    try:
        yield made
    finally:
        made.close()
