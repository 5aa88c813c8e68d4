"""From a URL to judged addresses, when accepting and before every attempt: security.md S1, S5, S8, S10, S11, S15."""

import threading
import time
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

import pytest
from pytest_django import Settings

from webhooks.destinations.acceptance import check_endpoint_url, configured_judge
from webhooks.destinations.address_guard import AddressGuard, IPAddress
from webhooks.destinations.endpoint_url import UrlPolicy
from webhooks.destinations.judge import AcceptedUrl, DestinationJudge, JudgedDestination, PendingDestination
from webhooks.destinations.name_lookup import LookupFailed, LookupTimedOut, NameLookup
from webhooks.destinations.refusals import UrlProblem, UrlRefused

GUARD = AddressGuard(allowed=(ip_network("10.1.0.0/16"),), denied=())
POLICY = UrlPolicy(GUARD, allow_http=True, allowed_ports=None, own_hosts=(), development=False)
NAMES = {
    "good.example": ["93.184.215.14", "2606:4700::1111"],
    "one-bad.example": ["93.184.215.14", "10.9.9.9"],
    "bad-v6.example": ["93.184.215.14", "::ffff:127.0.0.1"],
    "metadata.example": ["169.254.169.254"],
    "inside.example": ["10.1.0.1", "10.1.0.2"],
    "half-inside.example": ["10.1.0.1", "93.184.215.14"],
}


def resolve(name: str) -> Sequence[IPAddress]:
    if name not in NAMES:
        raise OSError(-2, "Name or service not known")
    return [ip_address(text) for text in NAMES[name]]


def judge(lookup: NameLookup | None = None) -> DestinationJudge:
    return DestinationJudge(POLICY, lookup or NameLookup(resolve))


def test_a_good_name_is_accepted_and_leads_to_all_its_addresses() -> None:
    assert judge().accept("https://GOOD.example/hook") == AcceptedUrl("https://good.example/hook", None)
    judged = judge().judge("https://good.example/hook", 1)
    assert judged.addresses == (ip_address("93.184.215.14"), ip_address("2606:4700::1111"))
    assert (judged.url.host, judged.url.port, judged.url.target) == ("good.example", 443, "/hook")


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("one-bad.example", "10.9.9.9 is a private address (10.0.0.0/8)"),
        ("bad-v6.example", "127.0.0.1 is a loopback address (127.0.0.0/8)"),
        ("metadata.example", "169.254.169.254 is a link-local address (169.254.0.0/16)"),
    ],
)  # fmt: skip
def test_s11_one_bad_answer_refuses_the_name_when_saving_and_when_sending(host: str, reason: str) -> None:
    message = f"{host} leads where no request may go: {reason}."
    for act in (lambda: judge().accept(f"https://{host}/"), lambda: judge().judge(f"https://{host}/", 1)):
        with pytest.raises(UrlRefused) as refusal:
            act()
        assert (refusal.value.code, refusal.value.message) == (UrlProblem.ADDRESS, message)


def test_s5_a_name_that_does_not_resolve_is_accepted_with_a_warning_and_not_sent_to() -> None:
    assert judge().accept("https://missing.example/") == AcceptedUrl(
        "https://missing.example/",
        "missing.example does not resolve (Name or service not known). Deliveries fail until it resolves.",
    )
    with pytest.raises(LookupFailed):
        judge().judge("https://missing.example/", 1)


def test_s15_accepting_waits_two_seconds_for_a_name_and_sending_as_long_as_it_is_told() -> None:
    released = threading.Event()

    def hang(name: str) -> Sequence[IPAddress]:
        released.wait()
        return [ip_address("93.184.215.14")]

    slow = judge(NameLookup(hang))
    try:
        started = time.monotonic()
        accepted = slow.accept("https://slow.example/")
        assert 2 <= time.monotonic() - started < 4
        assert accepted.warning == ("Looking up slow.example took longer than 2 s. Deliveries fail until it resolves.")
        started = time.monotonic()
        with pytest.raises(LookupTimedOut):
            slow.judge("https://slow.example/", 0.1)
        assert time.monotonic() - started < 1
    finally:
        released.set()


def test_s15_whoever_cannot_wait_is_told_when_the_name_is_known_and_judges_it_then() -> None:
    released, known = threading.Event(), threading.Event()

    def answer_late(name: str) -> Sequence[IPAddress]:
        released.wait()
        return resolve(name)

    slow = judge(NameLookup(answer_late))
    good = slow.begin("https://good.example/hook", 5)
    bad = slow.begin("https://one-bad.example/", 5)
    assert isinstance(good, PendingDestination)
    assert isinstance(bad, PendingDestination)
    assert str(good.timed_out(5)) == "Looking up good.example took longer than 5 s."
    good.when_known(known.set)
    assert not known.is_set()
    released.set()
    assert known.wait(5)
    assert good.destination() is slow.judge("https://good.example/hook", 5)
    again = slow.begin("https://good.example/hook", 5)
    assert isinstance(again, JudgedDestination)
    assert again.addresses == (ip_address("93.184.215.14"), ip_address("2606:4700::1111"))
    bad.when_known(known.set)
    with pytest.raises(UrlRefused):
        slow.judge("https://one-bad.example/", 5)
    with pytest.raises(UrlRefused):
        bad.destination()
    address = slow.begin("https://93.184.215.14/", 5)
    assert isinstance(address, JudgedDestination)
    assert address.addresses == (ip_address("93.184.215.14"),)


def test_s1_http_needs_all_addresses_of_a_name_in_the_operators_networks() -> None:
    assert judge().accept("http://inside.example/").url == "http://inside.example/"
    for host in ("half-inside.example", "good.example"):
        with pytest.raises(UrlRefused) as refusal:
            judge().accept(f"http://{host}/")
        assert refusal.value.code == UrlProblem.SCHEME


def test_s12_a_name_that_turns_private_after_saving_is_refused_when_its_answer_has_aged() -> None:
    now = [0.0]
    answers = [[ip_address("93.184.215.14")], [ip_address("10.9.9.9")]]
    rebinding = judge(NameLookup(lambda name: answers.pop(0), clock=lambda: now[0]))

    assert rebinding.accept("https://rebind.example/").warning is None
    assert rebinding.judge("https://rebind.example/", 1).addresses == (ip_address("93.184.215.14"),)
    now[0] += 30
    with pytest.raises(UrlRefused):
        rebinding.judge("https://rebind.example/", 1)


def test_a_saved_url_that_the_policy_refuses_today_is_not_sent_to() -> None:
    strict = DestinationJudge(
        UrlPolicy(GUARD, allow_http=False, allowed_ports=None, own_hosts=(), development=False),
        NameLookup(resolve),
    )
    with pytest.raises(UrlRefused):
        strict.judge("http://inside.example/", 1)


def test_the_settings_decide_and_a_change_of_them_counts_at_once(settings: Settings) -> None:
    with pytest.raises(UrlRefused) as refusal:
        check_endpoint_url("https://127.0.0.1:8001/")
    assert refusal.value.code == UrlProblem.PORT
    with pytest.raises(UrlRefused) as refusal:
        check_endpoint_url("https://webhooks.switera.example/")
    assert refusal.value.code == UrlProblem.OWN_HOST

    settings.WEBHOOKS_ALLOWED_PORTS = None
    settings.WEBHOOKS_ALLOW_HTTP = True
    settings.WEBHOOKS_ALLOWED_PRIVATE_NETWORKS = (ip_network("127.0.0.0/8"),)
    assert check_endpoint_url("http://2130706433:8001/") == AcceptedUrl("http://127.0.0.1:8001/", None)

    settings.WEBHOOKS_DENIED_NETWORKS = (ip_network("127.0.0.1/32"),)
    with pytest.raises(UrlRefused) as refusal:
        check_endpoint_url("http://127.0.0.1:8001/")
    assert refusal.value.code == UrlProblem.ADDRESS
    settings.DEBUG = True
    assert check_endpoint_url("https://webhooks.switera.example/").url == "https://webhooks.switera.example/"


def test_one_judge_serves_the_process() -> None:
    assert configured_judge() is configured_judge()
