"""Accepting a URL: security.md S1 to S8, as far as no name is looked up."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from webhooks.destinations.address_guard import AddressGuard
from webhooks.destinations.endpoint_url import EndpointUrl, UrlPolicy, parse_endpoint_url
from webhooks.destinations.refusals import UrlProblem, UrlRefused

PRODUCTION = UrlPolicy(
    guard=AddressGuard(allowed=(), denied=()),
    allow_http=False,
    allowed_ports=frozenset({443}),
    own_hosts=("webhooks.switera.example", ".apps.switera.example", "93.184.215.99", "[2606:4700::99]"),
    development=False,
)
# As `make run` sets it.
DEVELOPMENT = UrlPolicy(
    guard=AddressGuard(allowed=(ip_network("127.0.0.0/8"),), denied=()),
    allow_http=True,
    allowed_ports=None,
    own_hosts=("localhost", "127.0.0.1"),
    development=True,
)


def problem_of(text: str, policy: UrlPolicy = PRODUCTION) -> UrlProblem:
    with pytest.raises(UrlRefused) as refusal:
        parse_endpoint_url(text, policy)
    assert refusal.value.details == {"url": [refusal.value.message]}
    assert refusal.value.message.endswith(".")
    return UrlProblem(refusal.value.code)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("https://example.com/hook", "https://example.com/hook"),
        ("https://example.com", "https://example.com"),
        ("https://example.com?a=1", "https://example.com?a=1"),
        ("HTTPS://Example.COM/Hook", "https://example.com/Hook"),
        ("https://example.com:443/", "https://example.com/"),
        ("https://example.com./", "https://example.com/"),
        ("https://example.com/a/../b//c;d=e?x=1&y=%2f", "https://example.com/a/../b//c;d=e?x=1&y=%2F"),
        ("https://example.com/caf\u00e9?q=\u2603", "https://example.com/caf%C3%A9?q=%E2%98%83"),
        ("https://example.com/100%?[a]|b", "https://example.com/100%25?%5Ba%5D%7Cb"),
        ("https://example.com/@user:x", "https://example.com/@user:x"),
        ("https://qa--site.netlify.app/", "https://qa--site.netlify.app/"),
        ("https://93.184.215.14/", "https://93.184.215.14/"),
        ("https://[2606:4700:0::1111]/", "https://[2606:4700::1111]/"),
    ],
)
def test_good_urls_are_kept_in_one_ascii_form_that_parses_to_itself(text: str, stored: str) -> None:
    parsed = parse_endpoint_url(text, PRODUCTION)

    assert parsed.url == stored
    assert parse_endpoint_url(stored, PRODUCTION) == parsed


def test_the_parts_of_a_url() -> None:
    assert parse_endpoint_url("https://Example.com?a=1", PRODUCTION) == EndpointUrl(
        url="https://example.com?a=1",
        scheme="https",
        host="example.com",
        port=443,
        address=None,
        target="/?a=1",
    )
    assert parse_endpoint_url("http://127.0.0.1:8001/hook", DEVELOPMENT) == EndpointUrl(
        url="http://127.0.0.1:8001/hook",
        scheme="http",
        host="127.0.0.1",
        port=8001,
        address=ip_address("127.0.0.1"),
        target="/hook",
    )


@pytest.mark.parametrize("scheme", ["http", "ftp", "file", "gopher", "javascript", "wss", "HTTP"])
def test_s1_schemes_other_than_https_are_refused(scheme: str) -> None:
    assert problem_of(f"{scheme}://example.com/") == UrlProblem.SCHEME


def test_s1_http_is_for_the_operators_networks_only() -> None:
    assert parse_endpoint_url("http://127.0.0.1:8001/", DEVELOPMENT).url == "http://127.0.0.1:8001/"
    assert problem_of("http://93.184.215.14/", DEVELOPMENT) == UrlProblem.SCHEME
    assert problem_of("http://127.0.0.1:8001/", replace(DEVELOPMENT, allow_http=False)) == UrlProblem.SCHEME


@pytest.mark.parametrize(
    "text",
    ["", "example.com", "//example.com/", "https:example.com", "https:/example.com", "https;//example.com",
     "\uff48ttps://example.com/", "1https://example.com"],
)  # fmt: skip
def test_what_is_no_whole_url_is_refused(text: str) -> None:
    assert problem_of(text) == UrlProblem.MALFORMED


@pytest.mark.parametrize(
    "text",
    ["https://u:p@example.com/", "https://u@example.com/", "https://@example.com/", "https://a@b@example.com/",
     "https://example.com:443@evil.com/"],
)  # fmt: skip
def test_s2_userinfo_is_refused(text: str) -> None:
    assert problem_of(text) == UrlProblem.USERINFO


REFUSED_CHARACTERS = [
    "\\", " ", "\t", "\r", "\n", "\0", "\x01", "\x0b", "\x1f", "\x7f", "\x80", "\x85", "\x9f",
    "\u00a0", "\u00ad", "\u200b", "\u200e", "\u202e", "\u2028", "\u2029", "\u2060", "\u3000", "\ufeff", "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("character", REFUSED_CHARACTERS, ids=[f"U+{ord(c):04X}" for c in REFUSED_CHARACTERS])
@pytest.mark.parametrize(
    "template",
    ["%shttps://example.com/", "https:%s//example.com/", "https://exam%sple.com/", "https://example.com%s/",
     "https://example.com/a%sb", "https://example.com/?a=%s", "https://example.com/%s"],
)  # fmt: skip
def test_s2_backslashes_spaces_and_control_characters_are_refused_anywhere(template: str, character: str) -> None:
    assert problem_of(template % character) == UrlProblem.CHARACTERS


def test_s2_what_urlsplit_would_read_as_another_host_is_refused() -> None:
    assert problem_of("https://good.com\\@evil.com/") == UrlProblem.CHARACTERS


@pytest.mark.parametrize("text", ["https://example.com/#a", "https://example.com/#", "https://example.com#@evil.com/"])
def test_s3_fragments_are_refused(text: str) -> None:
    assert problem_of(text) == UrlProblem.FRAGMENT


def test_s3_more_than_2048_characters_are_refused_escapes_counted() -> None:
    start = "https://example.com/"
    longest = start + "a" * (2048 - len(start))

    assert parse_endpoint_url(longest, PRODUCTION).url == longest
    assert problem_of(longest + "a") == UrlProblem.TOO_LONG
    assert problem_of(start + "\u00e9" * 500) == UrlProblem.TOO_LONG


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST", "localhost.", "intranet", "printer.local", "printer.LOCAL.", "db.internal",
     "metadata.google.internal", "a.b.internal.", "x.localhost", "x.localhost.", "home.arpa", "nas.home.arpa",
     "nas.home.arpa.", "\uff4cocalhost", "printer\u3002local"],
)  # fmt: skip
@pytest.mark.parametrize("policy", [PRODUCTION, DEVELOPMENT], ids=["production", "development"])
def test_s4_local_names_are_refused(host: str, policy: UrlPolicy) -> None:
    assert problem_of(f"https://{host}/", policy) == UrlProblem.LOCAL_NAME


@pytest.mark.parametrize("text", ["https:///", "https://", "https://./", "https://:443/", "https://?a"])
def test_s4_a_url_without_host_is_refused(text: str) -> None:
    assert problem_of(text) == UrlProblem.HOST


# Every spelling of an address that some program reads as one, and the address.
SPELLINGS = {
    "127.0.0.1": [
        "127.0.0.1", "127.0.0.1.", "2130706433", "0x7f000001", "0X7F000001", "017700000001", "127.1", "127.0.1",
        "0x7f.1", "0177.0.0.1", "0177.0x0.0.01", "127.0x000001", "00000177.0.0.1",
        "\uff11\uff12\uff17.\uff10.\uff10.\uff11", "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",
        "127\u30020\u30020\u30021", "127\uff0e0\uff0e0\uff0e1", "\u00b9\u00b2\u2077.0.0.1",
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:FFFF:127.0.0.1]",
    ],
    "169.254.169.254": [
        "169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.16689662", "[::ffff:a9fe:a9fe]",
        "\u2460\u2465\u2468.254.169.254",
    ],
    "0.0.0.0": ["0.0.0.0", "0", "0x0", "0x", "00", "0.0", "0x0.0"],  # noqa: S104
    "255.255.255.255": ["255.255.255.255", "4294967295", "0xffffffff", "037777777777", "255.16777215"],
    "::1": ["[::1]", "[0:0:0:0:0:0:0:1]", "[::0001]", "[::0.0.0.1]"],
    "fe80::1": ["[fe80::1]", "[FE80:0::1]"],
    "64:ff9b::a9fe:a9fe": ["[64:ff9b::a9fe:a9fe]", "[64:ff9b::169.254.169.254]"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("address", "host"), [(address, host) for address, hosts in SPELLINGS.items() for host in hosts]
)
def test_s5_every_spelling_of_an_address_gets_its_verdict_and_its_plain_form(address: str, host: str) -> None:
    """S5: refused without the operator's leave, let through and stored in the plain form with it."""
    network = ip_network(address)
    lenient = replace(DEVELOPMENT, guard=AddressGuard(allowed=(network,), denied=()))
    plain = f"[{address}]" if ":" in address else address

    assert problem_of(f"https://{host}/hook") == UrlProblem.ADDRESS
    for scheme in ("https", "http"):
        parsed = parse_endpoint_url(f"{scheme}://{host}/hook", lenient)
        assert parsed.url == f"{scheme}://{plain}/hook"
        assert (parsed.host, parsed.address) == (address, ip_address(address))


@pytest.mark.parametrize(
    "host",
    ["[fe80::1%25eth0]", "[fe80::1%eth0]", "127.0.0.1%00", "%31%32%37.0.0.1", "exam%70le.com", "[::1", "::1]", "::1",
     "[127.0.0.1]", "[]", "[v1.x]", "[::1]x", "x[::1]", "[::1][::2]", "[:::1]", "[::g]",
     "256.1.1.1", "1.2.3.256", "1.2.3.4.5", "4294967296", "0x100000000", "1.16777216", "1.2.65536", "08.1.1.1",
     "1..2.3", ".1.2.3", "example.123", "example.0x7f", "\u24882.3.4"],
)  # fmt: skip
def test_s5_malformed_addresses_zones_and_escaped_hosts_are_refused(host: str) -> None:
    assert problem_of(f"https://{host}/", DEVELOPMENT) == UrlProblem.HOST


@pytest.mark.parametrize(
    "port",
    ["0", "65536", "99999", "123456", "9" * 1000, "-1", "+443", "44a", "", "0443", "\uff14\uff14\uff13"],
)  # fmt: skip
def test_s6_what_is_no_port_is_a_refusal_not_a_crash(port: str) -> None:
    assert problem_of(f"https://example.com:{port}/", DEVELOPMENT) in {UrlProblem.PORT, UrlProblem.HOST}


def test_s6_ports_other_than_443_and_the_operators_are_refused() -> None:
    more = replace(PRODUCTION, allowed_ports=frozenset({8443}))

    assert problem_of("https://example.com:8443/") == UrlProblem.PORT
    assert problem_of("https://example.com:80/", more) == UrlProblem.PORT
    assert parse_endpoint_url("https://example.com:8443/", more).port == 8443
    assert parse_endpoint_url("https://example.com/", more).port == 443
    assert parse_endpoint_url("https://example.com:1/", DEVELOPMENT).port == 1
    assert parse_endpoint_url("https://example.com:65535/", DEVELOPMENT).port == 65535


def test_s6_http_on_its_own_port_needs_that_port_allowed() -> None:
    only_443 = replace(DEVELOPMENT, allowed_ports=frozenset({443}))

    assert problem_of("http://127.0.0.1/", only_443) == UrlProblem.PORT
    assert parse_endpoint_url("http://127.0.0.1:80/", DEVELOPMENT).url == "http://127.0.0.1/"


@pytest.mark.parametrize(
    ("host", "ascii_form"),
    [
        ("b\u00fccher.example", "xn--bcher-kva.example"),
        ("B\u00dcCHER.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("fa\u00df.de", "xn--fa-hia.de"),
        ("\u4f8b\u3048.\u30c6\u30b9\u30c8", "xn--r8jz45g.xn--zckzah"),
        ("\u4f8b\u3048\u3002\u30c6\u30b9\u30c8", "xn--r8jz45g.xn--zckzah"),
        ("\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.com", "xn--mgba3gch31f060k.com"),
        ("\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45.com", "example.com"),
    ],
)
def test_s7_international_names_are_stored_in_ascii(host: str, ascii_form: str) -> None:
    parsed = parse_endpoint_url(f"https://{host}/", PRODUCTION)

    assert (parsed.url, parsed.host) == (f"https://{ascii_form}/", ascii_form)


@pytest.mark.parametrize(
    "host",
    ["\U0001f4a9.la", "\u2603.net", "a\u200db.com", "-a.com", "a-.com", "a..com", ".example.com", "example.com..",
     "xn--a.com", "xn--.com", "xn--ls8h.la", "my_host.com", "a!b.com", "a*b.com", "*.example.com", "a,b.com",
     "\u0301a.com", "\u05d0a.com", "a\uff0fb.com", "a\uff03b.com", "a\uff20b.com", "a\uff1a443.com",
     "a" * 64 + ".com", ".".join(["a" * 60] * 5) + ".com", "\u00fc" * 63 + ".com"],
)  # fmt: skip
def test_s7_invalid_names_are_refused(host: str) -> None:
    assert problem_of(f"https://{host}/") == UrlProblem.HOST


@pytest.mark.parametrize(
    "host",
    ["webhooks.switera.example", "WEBHOOKS.switera.example.", "apps.switera.example", "a.b.apps.switera.example",
     "93.184.215.99", "1572394851", "[2606:4700::99]", "[2606:4700:0:0::99]"],
)  # fmt: skip
def test_s8_the_services_own_hosts_are_refused(host: str) -> None:
    assert problem_of(f"https://{host}/") == UrlProblem.OWN_HOST


def test_s8_own_hosts_are_fine_in_development_and_a_star_is_no_host() -> None:
    url = "https://webhooks.switera.example/"

    assert parse_endpoint_url(url, replace(PRODUCTION, development=True)).url == url
    assert parse_endpoint_url(url, replace(PRODUCTION, own_hosts=("*",))).url == url
    assert parse_endpoint_url("https://notapps.switera.example/", PRODUCTION).port == 443
