"""Endpoints of the same name are told apart by what differs."""

import uuid

from webhooks.endpoint_names import endpoint_hosts, endpoint_names
from webhooks.models import Endpoint

FIRST, SECOND = uuid.UUID(int=1), uuid.UUID(int=2)


def pair(first: str, second: str, *, name: str = "Billing") -> list[Endpoint]:
    """Two of that name with these URLs, and one of another name."""
    other = Endpoint(pk=uuid.UUID(int=3), name="Other", url=first)
    return [Endpoint(pk=FIRST, name=name, url=first), Endpoint(pk=SECOND, name=name, url=second), other]


def names(first: str, second: str, *, name: str = "Billing") -> list[str]:
    return list(endpoint_names(pair(first, second, name=name)).values())


def hosts(first: str, second: str, *, name: str = "Billing") -> list[str]:
    return list(endpoint_hosts(pair(first, second, name=name)).values())


def test_by_host_by_path_or_by_both() -> None:
    by_host = names("https://a.example/in", "https://b.example/in")
    assert by_host == ["Billing · a.example", "Billing · b.example", "Other"]
    assert names("https://a.example/in", "https://a.example") == ["Billing · /in", "Billing · /", "Other"]
    three = [
        Endpoint(name="Billing", url=url)
        for url in ("https://a.example/1", "https://a.example/2", "https://b.example/1")
    ]
    assert list(endpoint_names(three).values()) == [
        "Billing · a.example/1", "Billing · a.example/2", "Billing · b.example/1"
    ]  # fmt: skip


def test_where_the_address_is_the_same_by_the_end_of_the_id() -> None:
    url = "https://a.example/in"
    ends = [endpoint.public_id[-6:] for endpoint in pair(url, url)[:2]]

    assert names(url, url) == [f"Billing · …{ends[0]}", f"Billing · …{ends[1]}", "Other"]
    assert names(url, f"{url}?key=1")[:2] == [f"Billing · …{end}" for end in ends]
    assert names(url, url, name="") == [f"{url} · …{ends[0]}", f"{url} · …{ends[1]}", "Other"]
    assert hosts(url, url) == [f"a.example …{ends[0]}", f"a.example …{ends[1]}", "a.example"]
    assert hosts(url, url, name="") == [f"…{ends[0]}", f"…{ends[1]}", "a.example"]


def test_beside_a_name_stands_the_host_and_the_path_where_it_is_needed() -> None:
    assert hosts("https://a.example/in", "https://b.example/in") == ["a.example", "b.example", "a.example"]
    assert hosts("https://a.example/in", "https://a.example/out") == ["a.example/in", "a.example/out", "a.example"]
    assert hosts("https://a.example/in", "https://a.example/out", name="") == ["", "", "a.example"]
    long = "https://a.example/" + "x" * 60
    assert hosts(f"{long}/1", f"{long}/2")[:2] == [f"a.example …{'x' * 37}/{number}" for number in "12"]
