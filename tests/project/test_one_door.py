"""Lint keeps every way out but one shut: requests leave through deliveries.transport."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import ROOT

WAYS_OUT = [
    "import requests",
    "import requests.adapters",
    "from requests import Session",
    "import urllib3",
    "from urllib3.util import connection",
    "import http.client",
    "import http.client as client",
    "from http import client",
    "import http\n\nhttp.client.HTTPConnection",
    "import urllib.request",
    "from urllib import request",
    "import pycurl",
    "import httpx",
    "import aiohttp",
    "import xmlrpc.client",
    "import ftplib",
    "import smtplib",
    "import asyncio\n\nasyncio.open_connection",
    "from asyncio import open_connection",
    "import ssl\n\nssl.get_server_certificate",
    "import socket",
    "from socket import create_connection",
    "import _socket",
    "import socketserver",
]


def banned(code: str, path: str) -> bool:
    """Whether lint refuses the code in a file of this path."""
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--select", "TID251", "--stdin-filename", path, "-"],
        cwd=ROOT,
        input=code + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    assert ("TID251" in done.stdout) is bool(done.returncode)
    return bool(done.returncode)


@pytest.mark.parametrize("code", WAYS_OUT)
def test_a_way_out_is_banned_in_every_room(code: str) -> None:
    for path in ("deliveries/engine/x.py", "events/x.py", "webhooks/views/x.py", "switera_webhooks/x.py"):
        assert banned(code, path)
    assert not banned(code, "deliveries/transport/x.py")


def test_the_exceptions_are_these() -> None:
    """A comment can open a door: whoever writes one adds it here."""
    rooms = ("deliveries", "events", "webhooks", "switera_webhooks", "manage.py")
    files = [
        file for room in rooms for file in ([ROOT / room] if room.endswith(".py") else (ROOT / room).rglob("*.py"))
    ]
    opened = [
        (str(file.relative_to(ROOT)), line.partition("  #")[0])
        for file in sorted(map(Path, files))
        for line in file.read_text().splitlines()
        if re.search(r"noqa:.*TID251|ruff: noqa|noqa\s*$", line)
    ]

    assert opened == [
        ("switera_webhooks/run/__main__.py", "import socket"),
        ("switera_webhooks/run/__main__.py", "from http.client import HTTPConnection, HTTPException"),
    ]
