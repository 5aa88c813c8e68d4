"""Every error is `{"code", "message", "details"}` with the right status, whatever went wrong."""

import io
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from gunicorn.http.body import Body as ServersBody  # type: ignore[import-untyped]
from gunicorn.http.body import ChunkedReader
from gunicorn.http.unreader import IterUnreader  # type: ignore[import-untyped]
from pytest_django import Settings

from events.api.events import EventsView
from events.models import Event
from switera_webhooks.api.errors import server_error
from switera_webhooks.api.parsing import parse_json
from tests.api.conftest import Answer, Api
from tests.api.test_authentication import NOT_FOUND
from tests.factories import make_event_type
from webhooks.app_setup import CreatedApp

INTERNAL_ERROR = {
    "code": "internal_error",
    "message": "Something failed on our side: try again, and report it if it stays.",
    "details": {},
}


def malformed(problem: str) -> dict[str, object]:
    message = f"The body is not valid JSON: {problem}"
    return {"code": "malformed_json", "message": message, "details": {"body": [problem]}}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"{", "Expecting property name enclosed in double quotes at line 1, column 2."),
        (b'{"type": "a.b",\n "data": {},}', "Expecting property name enclosed in double quotes at line 2, column 13."),
        (b'{"type": 1} x', "Extra data at line 1, column 13."),
        (b'\xef\xbb\xbf{"type": "a.b"}', "Expecting value at line 1, column 1."),
        (b'{"type": "\xff"}', "byte 11 is not UTF-8."),
        (b'{"data": {"a": NaN}}', "NaN is not a JSON number."),
        (b'{"data": {"a": -Infinity}}', "-Infinity is not a JSON number."),
        (b'{"data": {"a": 1e400}}', "it holds a number that is too large for a double."),
        (b'{"data": {"a": ' + b"9" * 5_000 + b"}}", "it holds a number with too many digits."),
        (b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "it is nested more than 100 levels deep."),
        (b'{"data": ' + b"[" * 100 + b"]" * 100 + b"}", "it is nested more than 100 levels deep."),
        (b'{"data": {"a": "\\ud800"}}', "it holds half of a surrogate pair, which is no character."),
        (b'{"data": {"\\udfff": 1}}', "it holds half of a surrogate pair, which is no character."),
    ],
)
def test_a_body_that_is_no_json_is_400_and_says_where(live_api: Api, body: bytes, problem: str) -> None:
    answer = live_api.post("events", body)

    assert (answer.status_code, answer.json()) == (400, malformed(problem))
    assert Event.objects.count() == 0


def test_depth_numbers_and_characters_at_their_limits_are_read() -> None:
    deep = "[" * 100 + "]" * 100

    assert json.dumps(parse_json(deep.encode())) == deep
    assert parse_json(b'["\\ud83d\\ude00", "\\\\ud800", "\\u0000"]') == ["😀", "\\ud800", "\0"]
    assert parse_json(b"[1e308, -0.0, " + b"9" * 4_300 + b"]")[:2] == [1e308, -0.0]
    assert parse_json(b'{"a": 1, "a": 2}') == {"a": 2}


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"null", b"1"])
def test_a_body_that_is_no_object_is_400(live_api: Api, body: bytes) -> None:
    for method, path in (("POST", "events"), ("POST", "events/batch"), ("POST", "endpoints")):
        answer = live_api.request(method, path, body)

        expected = {
            "code": "invalid",
            "message": "Correct these fields of the request: body.",
            "details": {"body": ["Give a JSON object."]},
        }
        assert (answer.status_code, answer.json()) == (400, expected)


def test_a_body_of_another_type_is_415(live_api: Api) -> None:
    for content_type in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", ""):
        answer = live_api.client.post(
            live_api.base + "events",
            "type=a.b",
            content_type=content_type,
            headers={"Authorization": f"Bearer {live_api.key}"},
        )

        expected = {
            "code": "unsupported_media_type",
            "message": "Send the body as JSON, with the header Content-Type: application/json.",
            "details": {},
        }
        assert (answer.status_code, answer.json()) == (415, expected), content_type


def test_a_method_that_a_path_does_not_take_is_405(live_api: Api) -> None:
    answers: list[tuple[str, str, Answer]] = [
        ("PUT", "GET or POST", live_api.request("PUT", "events", b"{}")),
        ("DELETE", "GET", live_api.delete("events/evt_x")),
        ("OPTIONS", "GET or POST", live_api.request("OPTIONS", "endpoints")),
        ("GET", "POST", live_api.get("endpoints/ep_x/enable")),
    ]
    for method, allowed, answer in answers:
        expected = {
            "code": "method_not_allowed",
            "message": f"This path does not take {method}: use {allowed}.",
            "details": {},
        }
        assert (answer.status_code, answer.json()) == (405, expected)
        assert answer.headers["Allow"].removesuffix(", HEAD") == allowed.replace(" or ", ", ")


@pytest.mark.parametrize("path", ["/api/", "/api/v1/apps", "/api/v2/x", "/api/v1/apps/app_x/events/", "/api/docs/x"])
@pytest.mark.parametrize("debug", [False, True])
def test_a_path_under_api_that_is_no_route_is_404_in_json(path: str, debug: bool, settings: Settings) -> None:
    settings.DEBUG = debug
    for answer in (Client().get(path), Client(enforce_csrf_checks=True).post(path, b"{", content_type="text/plain")):
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


def test_any_accept_header_gets_json(live_api: Api) -> None:
    answer = live_api.request("GET", "events", headers={"Accept": "text/html"})

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")


def test_a_foreign_host_header_is_400_in_json(live_api: Api) -> None:
    answer = live_api.client.get("/api/v1/x", headers={"Host": "evil.example"})

    expected = {
        "code": "bad_request",
        "message": "The request cannot be served: check its Host header.",
        "details": {},
    }
    assert (answer.status_code, answer.json()) == (400, expected)


# Too large ----------------------------------------------------------------------------------------

TOO_LARGE = {
    "code": "too_large",
    "message": "The request is over 1,000 bytes: send less at a time.",
    "details": {"body": ["Give at most 1,000 bytes."]},
}


class Body(io.BytesIO):
    """What a server gives a request to read: counts how much was taken."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        self.taken += len(piece)
        return piece


@pytest.fixture
def emit_raw(live_api: Api, settings: Settings) -> Callable[..., tuple[Answer, Body]]:
    """POST events below Django's test client: any Content-Length, or none."""
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000

    def post(content: bytes, **environ: Any) -> tuple[Answer, Body]:
        body = Body(content)
        request = RequestFactory().generic(
            "POST",
            live_api.base + "events",
            content_type="application/json",
            headers={"Authorization": f"Bearer {live_api.key}"},
        )
        for name in ("CONTENT_LENGTH", "wsgi.input"):
            request.environ.pop(name, None)
        request = request.__class__(
            {**request.environ, "CONTENT_TYPE": "application/json", "wsgi.input": body, **environ}
        )
        answer = EventsView.as_view()(request, app=live_api.base.split("/")[4]).render()
        answer.json = lambda: json.loads(answer.content)
        return answer, body

    return post


def test_a_body_over_the_limit_is_413_and_read_to_its_end(emit_raw: Callable[..., tuple[Answer, Body]]) -> None:
    """Read and dropped: a server that closes on unread data resets the connection before the answer is read."""
    answer, body = emit_raw(b"x" * 300_000, CONTENT_LENGTH="300000")

    assert (answer.status_code, answer.json()) == (413, TOO_LARGE)
    assert body.taken == 300_000


def test_without_a_key_no_body_is_read(emit_raw: Callable[..., tuple[Answer, Body]]) -> None:
    """Nobody unknown holds a thread by sending slowly."""
    answer, body = emit_raw(b"{}" * 1_000, CONTENT_LENGTH="2000", HTTP_AUTHORIZATION="Bearer sk_live_none")

    assert (answer.status_code, body.taken) == (401, 0)


def test_a_chunked_body_is_read_and_held_to_the_limit(
    emit_raw: Callable[..., tuple[Answer, Body]], shop: CreatedApp
) -> None:
    make_event_type(shop.app)
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}

    answer, _ = emit_raw(b'{"type": "order.paid", "data": {"n": 1}}', **chunked)
    assert (answer.status_code, answer.json()["data"]) == (202, {"n": 1})

    answer, body = emit_raw(b"x" * 300_000, **chunked)
    assert (answer.status_code, answer.json()) == (413, TOO_LARGE)
    assert body.taken == 300_000


@pytest.mark.parametrize("reason", [OSError("no more data"), ValueError("invalid chunk size")])
def test_a_chunked_body_that_breaks_off_is_malformed(
    emit_raw: Callable[..., tuple[Answer, Body]], monkeypatch: pytest.MonkeyPatch, reason: Exception
) -> None:
    """Each server has errors of its own for it; none of them is a defect of ours."""
    pieces = iter([b'{"type"'])

    def read(self: Body, size: int | None = -1, /) -> bytes:
        for piece in pieces:
            return piece
        raise reason

    monkeypatch.setattr(Body, "read", read)
    answer, _ = emit_raw(b"", HTTP_TRANSFER_ENCODING="chunked", **{"wsgi.input_terminated": True})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")
    assert "it broke off." in answer.json()["message"]


@pytest.mark.parametrize("sent", [b'20\r\n{"type"', b'7\r\n{"type"\r\n', b"zz\r\n", b'5;x=y\r\n{"a"}XX'])
def test_a_chunked_body_that_breaks_in_gunicorns_reader_is_the_senders_fault(
    emit_raw: Callable[..., tuple[Answer, Body]], caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    """As gunicorn reads it, whose exceptions are of several kinds."""
    stream = ServersBody(ChunkedReader(None, IterUnreader([sent])))

    answer, _ = emit_raw(
        b"", **{"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True, "wsgi.input": stream}
    )

    assert (answer.status_code, answer.json()) == (400, malformed("it broke off."))
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert Event.objects.count() == 0


def test_a_content_length_that_lies_changes_nothing(emit_raw: Callable[..., tuple[Answer, Body]]) -> None:
    content = b'{"type": "order.paid", "data": {}}'

    answer, _ = emit_raw(content, CONTENT_LENGTH="10")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")

    answer, _ = emit_raw(content, CONTENT_LENGTH="99999999999")
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_event_type")


def test_sixteen_mebibytes_are_read_and_one_byte_more_is_not(live_api: Api) -> None:
    limit = 16 * 1024 * 1024
    body = b'{"type": "' + b"x" * (limit - 22) + b'","data":{}}'
    assert len(body) == limit

    assert live_api.post("events", body).json()["code"] == "unknown_event_type"
    answer = live_api.post("events", body + b" ")
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


# Our own defects ----------------------------------------------------------------------------------

PAYLOAD = "hush" + "-payload"


@pytest.mark.parametrize("debug", [False, True])
def test_a_defect_is_500_in_json_without_a_trace_of_it(
    live_api: Api, monkeypatch: pytest.MonkeyPatch, settings: Settings, debug: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """S31: the log has the stack, and neither the payload nor the key."""

    def fail(*_: object) -> None:
        raise RuntimeError(PAYLOAD)

    settings.DEBUG = debug
    monkeypatch.setattr("events.emit_rate.take", fail)
    live_api.client.raise_request_exception = False

    with caplog.at_level(logging.ERROR, "switera_webhooks"):
        answer = live_api.post("events", {"type": "order.paid", "data": {"a": PAYLOAD}})

    assert (answer.status_code, answer.json()) == (500, INTERNAL_ERROR)
    assert Event.objects.count() == 0
    assert "RuntimeError in POST api/v1/apps/<str:app>/events" in caplog.text
    assert "raise RuntimeError(PAYLOAD)" in caplog.text
    assert PAYLOAD not in caplog.text
    assert live_api.key not in caplog.text


def test_what_fails_before_a_view_is_500_in_json_under_api_alone() -> None:
    requests = RequestFactory()

    answer = server_error(requests.get("/api/v1/x"))
    assert isinstance(answer, HttpResponse)
    assert (answer.status_code, json.loads(answer.content)) == (500, INTERNAL_ERROR)
    assert server_error(requests.get("/shop/")).headers["Content-Type"] == "text/html; charset=utf-8"
