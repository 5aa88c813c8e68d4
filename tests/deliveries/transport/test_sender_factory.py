"""Which sender the settings make, and what happens on a machine without libcurl."""

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest
import trustme
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from deliveries.error_codes import ErrorCode
from deliveries.transport import sender_factory
from deliveries.transport.requests_sender import RequestsSender
from deliveries.transport.sender import Sender
from deliveries.transport.sender_factory import make_sender
from switera_webhooks import checks
from switera_webhooks.environment import Proxy, http_proxy, one_of
from tests.deliveries.transport.senders import KINDS, request, send_one
from tests.programs import ROOT
from tests.receivers.behaviours import OK, answers
from tests.receivers.certificates import server_context
from tests.receivers.connect_proxy import tunnels
from tests.receivers.server import Receiver


@pytest.fixture(autouse=True)
def _not_remembered() -> Iterator[None]:
    sender_factory._curl_works.cache_clear()
    yield
    sender_factory._curl_works.cache_clear()


@pytest.fixture
def without_pycurl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycurl", None)
    monkeypatch.delitem(sys.modules, "deliveries.transport.curl_sender", raising=False)


def kind_of(sender: Sender) -> str:
    sender.close()
    return "requests" if isinstance(sender, RequestsSender) else "curl"


@pytest.mark.skipif("curl" not in KINDS, reason="pycurl is not installed here")
@pytest.mark.parametrize(("transport", "kind"), [("auto", "curl"), ("curl", "curl"), ("requests", "requests")])
def test_the_setting_chooses_the_sender(
    settings: Settings, caplog: pytest.LogCaptureFixture, transport: str, kind: str
) -> None:
    settings.WEBHOOKS_TRANSPORT = transport

    assert kind_of(make_sender()) == kind
    assert caplog.text == ""


@pytest.mark.usefixtures("without_pycurl")
def test_without_pycurl_requests_is_used_and_the_log_says_so_once(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.WEBHOOKS_TRANSPORT = "auto"
    with caplog.at_level(logging.INFO):
        assert [kind_of(make_sender()) for _ in range(3)] == ["requests"] * 3

    [line] = caplog.messages
    assert line.startswith("Requests leave through `requests`, which is slower than libcurl: pycurl is no use (")


@pytest.mark.usefixtures("without_pycurl")
def test_asking_for_curl_without_pycurl_is_an_error(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.WEBHOOKS_TRANSPORT = "curl"
    with pytest.raises(ImproperlyConfigured, match=r"^WEBHOOKS_TRANSPORT is curl, but pycurl does not work here"):
        make_sender()
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    assert [(problem.id, bool(problem.hint)) for problem in checks.delivering(None)] == [("switera.E007", True)]


@pytest.mark.parametrize("works", [True, False])
def test_make_installs_pycurl_where_it_can_and_goes_on_where_it_cannot(tmp_path: Path, works: bool) -> None:
    """The recipe of the Makefile, with an interpreter that only writes down what pip was asked for."""
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt", "requirements-curl.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    binaries = tmp_path / ".venv" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "pip").touch()
    python = binaries / "python"
    fails = "" if works else 'case "$*" in *requirements-curl.txt) exit 1;; esac\n'
    python.write_text(f'#!/bin/sh\necho "$*" >> asked\n{fails}')
    python.chmod(0o755)

    made = subprocess.run(
        ["make", "--no-print-directory", ".venv/installed"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )

    assert made.returncode == 0, made.stderr
    assert (tmp_path / ".venv" / "installed").exists()
    assert [line.rpartition(" ")[2] for line in (tmp_path / "asked").read_text().splitlines()] == [
        "requirements.txt",
        "requirements-curl.txt",
    ]
    assert "--only-binary :all:" in (tmp_path / "asked").read_text()
    said = "pycurl cannot be installed here: requests will leave through the slower of the two senders."
    assert (said in made.stdout) is not works


def test_the_settings_make_a_sender_that_denies_loopback_by_default(receiver: Receiver) -> None:
    sender = make_sender()
    try:
        outcome = send_one(sender, request(f"https://127.0.0.1:{receiver.port}/"))
    finally:
        sender.close()

    assert outcome.error_code == ErrorCode.BLOCKED_ADDRESS
    assert receiver.connections == 0


@pytest.mark.parametrize("transport", list(KINDS))
def test_s10_s14_bundle_networks_and_proxy_come_from_the_settings(
    settings: Settings, tmp_path: Path, transport: str
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    settings.WEBHOOKS_TRANSPORT = "auto" if transport == "curl" else transport
    settings.WEBHOOKS_CA_BUNDLE = str(tmp_path / "authority.pem")
    settings.WEBHOOKS_ALLOWED_PRIVATE_NETWORKS = (ip_network("127.0.0.0/8"),)
    settings.WEBHOOKS_ALLOWED_PORTS = None
    context = server_context(authority, "127.0.0.1")
    with Receiver(answers(OK), tls=context) as receiver, Receiver(tunnels()) as proxy:
        settings.WEBHOOKS_EGRESS_PROXY = Proxy("127.0.0.1", proxy.port)
        sender = make_sender()
        try:
            outcome = send_one(sender, request(receiver.url()))
        finally:
            sender.close()

    assert outcome.error_code is None
    assert (len(receiver.requests), len(proxy.requests)) == (1, 1)


def test_an_unreadable_bundle_is_refused_whichever_sender_is_made(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "text.pem").write_text("no certificate")
    settings.WEBHOOKS_CA_BUNDLE = str(tmp_path / "text.pem")
    for settings.WEBHOOKS_TRANSPORT in ("auto", "requests"):
        with pytest.raises(ValueError, match=r"^WEBHOOKS_CA_BUNDLE is "):
            make_sender()


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("", None),
        ("http://proxy.internal:3128", Proxy("proxy.internal", 3128)),
        ("http://10.0.0.1:3128/", Proxy("10.0.0.1", 3128)),
        ("http://[fd00::1]:3128", Proxy("fd00::1", 3128)),
        ("http://us%C3%A9r:p%20w%40%3A@proxy:80", Proxy("proxy", 80, "us\u00e9r:p w@:")),
    ],
)
def test_an_egress_proxy_is_read_from_its_url(monkeypatch: pytest.MonkeyPatch, text: str, proxy: Proxy | None) -> None:
    monkeypatch.setenv("WEBHOOKS_EGRESS_PROXY", text)
    assert http_proxy("WEBHOOKS_EGRESS_PROXY") == proxy


@pytest.mark.parametrize(
    "text",
    [
        "proxy:3128",
        "https://user:s3cret@proxy:3128",
        "socks5://proxy:3128",
        "http://user:s3cret@proxy",
        "http://proxy:0",
        "http://proxy:99999",
        "http://proxy:3128/path",
        "http://proxy:3128?q",
        "http://user%3A:s3cret@proxy:3128",
        "http://user:s3cret @proxy:3128",
    ],
)
def test_a_malformed_egress_proxy_stops_the_start_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("WEBHOOKS_EGRESS_PROXY", text)
    with pytest.raises(ImproperlyConfigured, match=r"^WEBHOOKS_EGRESS_PROXY must be http://host:port") as refused:
        http_proxy("WEBHOOKS_EGRESS_PROXY")
    assert "s3cret" not in str(refused.value)
    assert "s3cret" not in repr(Proxy("proxy", 80, "user:s3cret"))


def test_an_unknown_transport_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOKS_TRANSPORT", "urllib")
    with pytest.raises(ImproperlyConfigured, match="'urllib', but must be one of auto, curl, requests"):
        one_of("WEBHOOKS_TRANSPORT", "auto", ("auto", "curl", "requests"))
