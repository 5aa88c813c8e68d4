"""EventEmailBackend: what is told of a message, what is not, and that sending is as without it."""

from collections.abc import Callable, Mapping
from smtplib import SMTPRecipientsRefused, SMTPServerDisconnected
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMessage, get_connection, send_mail
from django.db import transaction
from pytest_django import Settings

from events.event_types import sync_event_catalog
from events.models import Event
from tests.events.sources import backends
from tests.factories import make_app, make_organization
from webhooks.models import App

pytestmark = pytest.mark.django_db
BACKEND = "events.sources.email.EventEmailBackend"
CHOOSY = "tests.events.sources.backends.Choosy"
BODY = "Sign in with the code 271828: https://globex.example/in?token=3141592"
ADA = "ada@globex.example"


@pytest.fixture
def app() -> App:
    sync_event_catalog()
    return make_app().app


@pytest.fixture(autouse=True)
def _backend(settings: Settings) -> None:
    settings.EMAIL_BACKEND = BACKEND
    settings.EVENT_EMAIL_INNER_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


@pytest.fixture
def choosy(settings: Settings) -> None:
    settings.EVENT_EMAIL_INNER_BACKEND = CHOOSY


def message(app: App | None, to: str = ADA, **headers: str) -> EmailMessage:
    ours = {} if app is None else {"X-Switera-App": app.public_id, "X-Switera-Environment": "live"}
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return EmailMessage("Your invoice", BODY, "Acme <billing@acme.example>", [to], headers={**ours, **names})


def told() -> list[tuple[str, Any]]:
    return [(event.type, event.data) for event in Event.objects.order_by("id")]


def test_a_mail_that_left_is_told_with_what_its_headers_say_and_without_its_body(app: App) -> None:
    sent = message(
        app,
        X_Switera_Template="invoice",
        X_Switera_Workflow="billing",
        X_Switera_Route="bulk",
        X_Switera_User="usr_1",
    )

    assert sent.send() == 1

    event = Event.objects.get()
    [out] = mail.outbox
    email_id = event.data["email_id"]  # type: ignore[index]
    assert (event.app, event.environment, event.type, event.organization_id) == (app, "live", "email.sent", None)
    assert email_id.startswith("eml_")
    assert event.data == {
        "email_id": email_id,
        "message_id": out.message()["Message-ID"],
        "template": "invoice",
        "workflow": "billing",
        "route": "bulk",
        "from": "Acme <billing@acme.example>",
        "to": ADA,
        "subject": "Your invoice",
        "user_id": "usr_1",
        "queued_at": None,
    }
    assert "271828" not in event.payload
    assert "3141592" not in event.payload
    assert [name for name in out.message().keys() if "switera" in name.lower()] == []  # noqa: SIM118


def test_further_headers_are_optional_and_names_are_read_in_any_case(app: App) -> None:
    headers = {"x-switera-app": app.slug, "X-SWITERA-ENVIRONMENT": "test", "Message-ID": "<1@acme.example>"}

    EmailMessage("Hello", BODY, None, [ADA], headers=headers).send()

    event = Event.objects.get()
    data: Mapping[str, Any] = event.data  # type: ignore[assignment]
    assert event.environment == "test"
    assert (data["message_id"], data["template"], data["user_id"]) == ("<1@acme.example>", None, None)
    assert mail.outbox[0].extra_headers == {"Message-ID": "<1@acme.example>"}


def test_the_event_is_of_the_organization_that_the_header_names(app: App) -> None:
    organization = make_organization(app)

    message(app, X_Switera_Organization=organization.public_id).send()

    assert Event.objects.get().organization == organization


@pytest.mark.parametrize(
    ("headers", "logged"),
    [
        ({}, False),
        ({"X-Switera-Template": "invoice"}, False),
        ({"X-Switera-App": "{app}"}, True),
        ({"X-Switera-Environment": "live"}, True),
        ({"X-Switera-App": "{app}", "X-Switera-Environment": "prod"}, True),
        ({"X-Switera-App": "app_01m84w1vmver3skjvqwnncx601", "X-Switera-Environment": "live"}, True),
        ({"X-Switera-App": "{app}", "X-Switera-Environment": "live", "X-Switera-Organization": "acme"}, True),
        (
            {
                "X-Switera-App": "{app}",
                "X-Switera-Environment": "live",
                "X-Switera-Organization": "org_01m84w1vmver3skjvqwnncx601",
            },
            True,
        ),
    ],
)
def test_without_app_and_environment_a_mail_leaves_untold_and_without_our_headers(
    app: App, headers: dict[str, str], logged: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """S31: the log has neither address nor words of the message."""
    filled = {name: value.replace("{app}", app.public_id) for name, value in headers.items()}

    assert EmailMessage("Hello", BODY, None, [ADA], headers={**filled, "X-Other": "1"}).send() == 1

    assert Event.objects.count() == 0
    sent = mail.outbox[0].extra_headers
    assert {name: value for name, value in sent.items() if name != "Message-ID"} == {"X-Other": "1"}
    assert [record.levelname for record in caplog.records] == (["ERROR"] if logged else [])
    assert ADA not in caplog.text
    assert "271828" not in caplog.text


def test_the_products_own_mail_is_nobodys_event(app: App) -> None:
    assert send_mail("Your password", BODY, None, [ADA]) == 1

    assert Event.objects.count() == 0


def test_the_caller_gets_its_message_back_as_it_was_and_can_send_it_again(app: App) -> None:
    sent = message(app)
    sent.metadata = {"mine": "1"}  # type: ignore[attr-defined]
    before = dict(sent.extra_headers)

    sent.send()
    sent.send()

    assert sent.extra_headers == before
    assert sent.metadata == {"mine": "1"}  # type: ignore[attr-defined]
    first, second = [data["email_id"] for _, data in told()]
    assert first != second


def test_every_recipient_is_told_by_the_address_alone_and_once(app: App) -> None:
    sent = message(app, f"Ada <{ADA}>")
    sent.cc, sent.bcc = ["bo@globex.example", ADA], ["cy@globex.example"]

    sent.send()

    assert [data["to"] for _, data in told()] == [ADA, "bo@globex.example", "cy@globex.example"]
    assert len({data["email_id"] for _, data in told()}) == 1


@pytest.mark.usefixtures("choosy")
def test_a_mail_that_fails_is_told_and_raises_what_the_backend_raised(app: App) -> None:
    refused = message(app, "no@globex.example")
    with pytest.raises(SMTPRecipientsRefused):
        refused.send()
    with pytest.raises(SMTPServerDisconnected):
        message(app, "gone@globex.example").send()

    (_, first), (_, second) = told()
    assert [type for type, _ in told()] == ["email.failed", "email.failed"]
    # The server's own words quote the message here, as some servers do.
    assert first == {
        "email_id": first["email_id"],
        "to": "no@globex.example",
        "stage": "sending",
        "reason": "SMTPRecipientsRefused 550",
    }
    assert second["reason"] == "SMTPServerDisconnected"
    assert refused.extra_headers["X-Switera-App"] == app.public_id


@pytest.mark.usefixtures("choosy")
def test_each_message_is_told_alone_and_what_comes_after_an_error_is_not_tried(app: App) -> None:
    several = [message(app), message(None), message(app, "no@globex.example"), message(app, "bo@globex.example")]

    with pytest.raises(SMTPRecipientsRefused):
        get_connection().send_messages(several)

    assert [(type, data["to"]) for type, data in told()] == [("email.sent", ADA), ("email.failed", "no@globex.example")]
    assert len(backends.taken) == 2
    assert backends.log == ["open", "close"]


@pytest.mark.usefixtures("choosy")
def test_with_fail_silently_the_others_leave_and_every_one_is_told(app: App) -> None:
    several = [message(app, to) for to in ("no@globex.example", ADA, "gone@globex.example", "bo@globex.example")]

    assert get_connection(fail_silently=True).send_messages(several) == 2

    assert [(type, data["to"]) for type, data in told()] == [
        ("email.failed", "no@globex.example"),
        ("email.sent", ADA),
        ("email.failed", "gone@globex.example"),
        ("email.sent", "bo@globex.example"),
    ]
    assert told()[0][1]["reason"] is None
    assert backends.log == ["open", "close"]


@pytest.mark.usefixtures("choosy")
def test_a_connection_that_the_caller_opened_stays_open(app: App) -> None:
    with get_connection() as connection:
        connection.send_messages([message(app), message(app)])
        connection.send_messages([message(app)])
        assert backends.log == ["open"]

    assert backends.log == ["open", "close"]
    assert len(told()) == 3


def test_no_messages_are_no_events(app: App) -> None:
    assert get_connection().send_messages([]) == 0
    assert EmailMessage("To nobody", BODY, headers={"X-Switera-App": app.public_id}).send() == 0

    assert Event.objects.count() == 0


def test_the_event_is_there_if_the_callers_transaction_is(app: App) -> None:
    def send_and_fail() -> None:
        with transaction.atomic():
            message(app).send()
            raise LookupError

    with pytest.raises(LookupError):
        send_and_fail()

    assert Event.objects.count() == 0


def test_a_mail_whose_event_cannot_be_written_has_left_all_the_same(
    app: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from django.db import OperationalError

    from events.sources import email

    def broken(*_: object, **__: object) -> None:
        raise OperationalError("connection lost")

    monkeypatch.setattr(email, "emit_built_in", broken)

    assert message(app).send() == 1

    assert len(mail.outbox) == 1
    assert [record.getMessage() for record in caplog.records] == [
        f"email.sent of {app.public_id} was not emitted: OperationalError"
    ]


# django-anymail as the inner backend ---------------------------------------------------------------


@pytest.fixture
def anymail(settings: Settings) -> None:
    settings.EVENT_EMAIL_INNER_BACKEND = "anymail.backends.test.EmailBackend"


@pytest.mark.usefixtures("anymail")
def test_an_anymail_backend_is_given_metadata_and_says_its_own_id(app: App) -> None:
    organization = make_organization(app)
    sent = message(app, X_Switera_Organization=organization.public_id)
    sent.metadata = {"mine": "1"}  # type: ignore[attr-defined]

    sent.send()

    out: Any = mail.outbox[0]
    [(type, data)] = told()
    assert out.anymail_test_params["metadata"] == {
        "mine": "1",
        "switera_app": app.public_id,
        "switera_environment": "live",
        "switera_email_id": data["email_id"],
        "switera_organization": organization.public_id,
    }
    assert (type, data["message_id"]) == ("email.sent", "0")
    assert "extra_headers" not in out.anymail_test_params
    assert sent.anymail_status.message_id == 0  # type: ignore[attr-defined]
    assert sent.metadata == {"mine": "1"}  # type: ignore[attr-defined]


@pytest.mark.usefixtures("anymail")
def test_a_recipient_that_the_mail_service_refuses_at_once_is_told_as_failed(app: App) -> None:
    from anymail.message import AnymailRecipientStatus

    sent = message(app)
    sent.cc = ["bo@globex.example"]
    statuses = {
        ADA: AnymailRecipientStatus(None, "invalid"),
        "bo@globex.example": AnymailRecipientStatus("m2", "queued"),
    }
    sent.anymail_test_response = {"recipient_status": statuses}  # type: ignore[attr-defined]

    sent.send()

    assert [(type, data["to"], data.get("reason"), data.get("message_id")) for type, data in told()] == [
        ("email.failed", ADA, "invalid", None),
        ("email.sent", "bo@globex.example", None, "m2"),
    ]


@pytest.mark.usefixtures("anymail")
def test_anymails_own_error_goes_on_and_its_words_do_not(app: App) -> None:
    from anymail.exceptions import AnymailAPIError

    sent = message(app)
    sent.anymail_test_response = AnymailAPIError(f"The service says: {BODY}")  # type: ignore[attr-defined]

    with pytest.raises(AnymailAPIError):
        sent.send()

    [(type, data)] = told()
    assert (type, data["reason"]) == ("email.failed", "AnymailAPIError")


# Settings ------------------------------------------------------------------------------------------


def test_mail_goes_by_this_backend_to_the_one_that_email_url_means() -> None:
    from switera_webhooks import settings as product

    assert product.EMAIL_BACKEND == BACKEND
    assert product.EVENT_EMAIL_INNER_BACKEND == "django.core.mail.backends.locmem.EmailBackend"


@pytest.mark.parametrize("inner", [BACKEND, "no.such.Backend", "django.core.mail.no_such_name", "x"])
def test_a_backend_that_is_none_is_named_before_a_mail_is_lost(settings: Settings, inner: str) -> None:
    from switera_webhooks import checks

    settings.EVENT_EMAIL_INNER_BACKEND = inner
    assert [problem.id for problem in checks.mail(None)] == ["switera.E008"]


def test_settings_of_anymail_without_it_are_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from switera_webhooks import checks

    assert checks.mail(None) == []
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    assert [problem.id for problem in checks.mail(None)] == ["switera.E009"]
    settings.ANYMAIL = {}
    assert checks.mail(None) == []


@pytest.mark.parametrize(
    ("secret", "problems"), [("a:b", []), ("", []), ("ab", ["switera.E010"]), (":b", ["switera.E010"])]
)
def test_a_secret_that_lets_nobody_in_is_named(settings: Settings, secret: str, problems: list[str]) -> None:
    from switera_webhooks import checks

    settings.ANYMAIL = {"WEBHOOK_SECRET": secret}
    assert [problem.id for problem in checks.mail(None)] == problems


def test_what_is_told_of_a_mail_goes_with_the_transaction_in_which_it_was_sent(
    app: App, choosy: None, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    """docs/sources.md: so a mail is sent when the caller's rows are committed."""
    with pytest.raises(SMTPServerDisconnected), transaction.atomic():
        message(app, "gone@globex.example").send()
    assert told() == []

    with pytest.raises(SMTPServerDisconnected), django_capture_on_commit_callbacks(execute=True):
        transaction.on_commit(message(app, "gone@globex.example").send)

    [(type, data)] = told()
    assert (type, data["to"], data["reason"]) == ("email.failed", "gone@globex.example", "SMTPServerDisconnected")
