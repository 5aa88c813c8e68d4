"""Custom headers: security.md S24."""

import pytest

from webhooks.destinations.custom_headers import check_custom_headers
from webhooks.destinations.refusals import CustomHeadersRefused


def problems_of(headers: dict[str, object]) -> dict[str, str]:
    with pytest.raises(CustomHeadersRefused) as refusal:
        check_custom_headers(headers)
    assert refusal.value.details == {"headers": {name: [sentence] for name, sentence in refusal.value.problems.items()}}
    return refusal.value.problems


def test_s24_good_headers_are_kept_as_they_are() -> None:
    headers = {"Authorization": "Bearer abc", "X-Empty": "", "x-tab": "a\tb", "X!#$%&'*+.^_`|~": "\u2603"}

    assert check_custom_headers(headers) == headers
    assert check_custom_headers({}) == {}


@pytest.mark.parametrize("name", ["", "X A", "X:A", "X\r\nA", "X\u00e4", "(x)", "x/y", "x=y", "x\x00"])
def test_s24_names_that_are_no_tokens_are_refused(name: str) -> None:
    assert problems_of({name: "a"}) == {name: "Use letters, digits and hyphens for the name."}


@pytest.mark.parametrize("value", ["a\rb", "a\nb", "a\r\n b", "\x00", "\x01", "\x7f", "a\n"])
def test_s24_values_with_line_breaks_or_control_characters_are_refused(value: str) -> None:
    assert problems_of({"X-A": value}) == {"X-A": "Remove line breaks and control characters from the value."}


@pytest.mark.parametrize(
    "name",
    ["Host", "Content-Type", "content-length", "Content-Anything", "Transfer-Encoding", "Connection", "TE",
     "Upgrade", "Cookie", "Forwarded", "X-Forwarded-For", "x-forwarded-anything", "Proxy-Authorization", "proxy-x",
     "User-Agent", "webhook-id", "Webhook-Signature", "webhook-x", "switera-attempt", "Switera-X", "Accept-Encoding"],
)  # fmt: skip
def test_s24_headers_of_the_service_and_the_connection_are_refused(name: str) -> None:
    assert problems_of({name: "a"}) == {name: "Use another name: this header is set by the service."}


@pytest.mark.parametrize("name", ["X-Host", "Contents", "Ten", "Cookies", "webhooks", "Accept"])
def test_s24_names_that_only_look_alike_are_fine(name: str) -> None:
    assert check_custom_headers({name: "a"}) == {name: "a"}


def test_s24_limits_are_20_headers_and_4_kib_a_value() -> None:
    twenty: dict[str, object] = {f"X-{number}": "a" for number in range(20)}

    assert check_custom_headers(twenty) == twenty
    assert problems_of({**twenty, "X-20": "a"}) == {"*": "Give at most 20 headers."}
    assert check_custom_headers({"X-A": "a" * 4096}) == {"X-A": "a" * 4096}
    assert problems_of({"X-A": "a" * 4097}) == {"X-A": "Shorten the value to 4,096 bytes."}
    assert problems_of({"X-A": "\u00e9" * 2049}) == {"X-A": "Shorten the value to 4,096 bytes."}
    assert problems_of({"X" * 257: "a"}) == {"X" * 257: "Shorten the name to 256 characters."}


def test_every_bad_header_is_named_and_the_good_ones_are_not() -> None:
    assert problems_of({"X-Good": "a", "X-Number": 5, "Host": "b", "x-good": "c", "X-Half": "\ud800"}) == {
        "X-Number": "Give the value as text.",
        "Host": "Use another name: this header is set by the service.",
        "x-good": "Give the header once: names differ by more than case.",
        "X-Half": "Give the value as valid Unicode text.",
    }
