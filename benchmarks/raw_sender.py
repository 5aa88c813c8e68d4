"""The ceilings: signed requests of the same size from two processes, with no queue and no record behind them.

By the libraries as they are, and by the product's own senders, which judge, bound and read every answer.
`python -m benchmarks.raw_sender KIND COUNT CONNECTIONS CA URL…` prints when it began and ended.
"""

import hashlib
import io
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from pathlib import Path

import pycurl  # noqa: TID251 (a ceiling, not a part of the product)
import requests  # noqa: TID251

from benchmarks.stack import ROOT
from deliveries.transport.curl_sender import CurlSender
from deliveries.transport.requests_sender import RequestsSender
from deliveries.transport.sender import OutboundRequest, Sender
from deliveries.transport.signing import signature_header
from deliveries.transport.tls import client_context
from webhooks.destinations.address_guard import AddressGuard
from webhooks.destinations.endpoint_url import UrlPolicy
from webhooks.destinations.judge import DestinationJudge
from webhooks.destinations.name_lookup import NameLookup

PROCESSES = 2
OUR_REQUESTS, OUR_LIBCURL = "our-requests", "our-libcurl"
WARM_UP = 500
_KEY = hashlib.sha256(b"benchmark").digest()
_BODY = b'{"text":"%s"}' % (b"x" * 1_010)


def raw_rate(kind: str, urls: Sequence[str], count: int, connections: int = 1, authority: Path | None = None) -> float:
    """Requests a second of both processes together. Raises CalledProcessError where one was not answered 204."""
    command = [sys.executable, "-m", "benchmarks.raw_sender", kind, str(count // PROCESSES), str(connections)]
    started = [
        subprocess.Popen([*command, str(authority or ""), *urls], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    times: list[tuple[float, float]] = []
    for process in started:
        said, _ = process.communicate(timeout=120)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        times.append(tuple(json.loads(said)))
    return count / (max(end for _, end in times) - min(start for start, _ in times))


def _headers(number: int) -> dict[str, str]:
    timestamp = int(time.time())
    message_id = f"evt_{number:026}"
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature_header(message_id, timestamp, _BODY, [_KEY]),
        "switera-attempt": "1",
    }


def by_requests(urls: Sequence[str], count: int, authority: str) -> tuple[float, float]:
    """One Session, one after the other."""
    session = requests.Session()
    session.trust_env = False
    session.verify = authority or True
    began = 0.0
    for number in range(-WARM_UP, count):
        if number == 0:
            began = time.time()
        answer = session.post(urls[number % len(urls)], data=_BODY, headers=_headers(number))
        assert answer.status_code == 204
    return began, time.time()


def by_libcurl(urls: Sequence[str], count: int, connections: int, authority: str) -> tuple[float, float]:
    """So many at once in one thread."""
    multi = pycurl.CurlMulti()
    multi.setopt(pycurl.M_MAXCONNECTS, connections * 2)
    spare = [_handle(authority) for _ in range(connections)]
    # Every connection is made before the clock runs.
    numbers: Iterator[int] = iter(range(-max(WARM_UP, connections * 2), count))
    began, left = 0.0, count + max(WARM_UP, connections * 2)
    while left:
        while spare and (number := next(numbers, None)) is not None:
            if number == 0:
                began = time.time()
            handle = spare.pop()
            handle.setopt(pycurl.URL, urls[number % len(urls)])
            handle.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in _headers(number).items()])
            multi.add_handle(handle)
        multi.perform()
        multi.select(1.0)
        _, done, failed = multi.info_read(connections)
        assert not failed, failed
        for handle in done:
            assert handle.getinfo(pycurl.RESPONSE_CODE) == 204
            multi.remove_handle(handle)
        spare += done
        left -= len(done)
    return began, time.time()


def by_sender(kind: str, urls: Sequence[str], count: int) -> tuple[float, float]:
    """One of the product's two senders, as many at once as it takes."""
    guard = AddressGuard([ip_network("127.0.0.0/8")], [])
    judge = DestinationJudge(UrlPolicy(guard, True, None, (), True), NameLookup())
    sender: Sender = CurlSender(judge, "") if kind == OUR_LIBCURL else RequestsSender(judge, client_context(""))
    app = uuid.uuid4()
    began = 0.0
    number, left = -WARM_UP, count + WARM_UP
    while left:
        # As many at once as the engine claims.
        while number < count and sender.in_flight() < 256 and sender.room():
            if number == 0:
                began = time.time()
            headers = tuple(_headers(number).items())
            sender.start(OutboundRequest(number, app, urls[number % len(urls)], headers, _BODY, 15.0))
            number += 1
        outcomes = sender.finished(1.0, at_least=min(64, left))
        assert all(outcome.status == 204 and outcome.error_code is None for outcome in outcomes)
        left -= len(outcomes)
    ended = time.time()
    sender.close()
    return began, ended


def _handle(authority: str) -> pycurl.Curl:
    handle = pycurl.Curl()
    handle.setopt(pycurl.POST, 1)
    handle.setopt(pycurl.POSTFIELDSIZE, len(_BODY))
    handle.setopt(pycurl.COPYPOSTFIELDS, _BODY)
    handle.setopt(pycurl.WRITEDATA, io.BytesIO())
    if authority:
        handle.setopt(pycurl.CAINFO, authority)
    return handle


if __name__ == "__main__":
    kind, count, connections, authority, *urls = sys.argv[1:]
    if kind == "requests":
        found = by_requests(urls, int(count), authority)
    elif kind in (OUR_REQUESTS, OUR_LIBCURL):
        found = by_sender(kind, urls, int(count))
    else:
        found = by_libcurl(urls, int(count), int(connections), authority)
    print(json.dumps(found))
