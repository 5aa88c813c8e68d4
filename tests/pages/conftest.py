"""Pages as Django's test client gets them, without a browser."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.demo import Demo, build_demo


@pytest.fixture
def demo(db: None) -> Demo:
    """The app of tests/demo.py with one hour of history."""
    return build_demo(hours=1)


def client_of(user: User) -> Client:
    """A client that is signed in as this user."""
    client = Client(REMOTE_ADDR="192.0.2.7")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def owner(demo: Demo) -> Client:
    return client_of(demo.owner)


@pytest.fixture
def viewer(demo: Demo) -> Client:
    return client_of(demo.viewer)
