"""What becomes of mails, as three mail services tell it to django-anymail's views."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from events.event_types import sync_event_catalog
from events.models import Event
from tests.events.sources.mail_services import (
    ADA,
    SECRET,
    SUBJECT_TO_THEM,
    mailgun,
    mailjet,
    post,
    post_text,
    postmark,
)
from tests.factories import ACTOR, make_app, make_organization
from webhooks.models import App
from webhooks.organizations.organization import delete_organization

pytestmark = pytest.mark.django_db
Marks = dict[str, str]
MAIL = {"email_id": "eml_1", "to": ADA}


@pytest.fixture
def app() -> App:
    sync_event_catalog()
    return make_app().app


@pytest.fixture
def marks(app: App) -> Marks:
    """The metadata that EventEmailBackend sends with a message."""
    return {"switera_app": app.public_id, "switera_environment": "test", "switera_email_id": "eml_1"}


def _bounced(kind: str, subtype: str | None, reason: str) -> dict[str, Any]:
    return {"bounce_type": kind, "bounce_subtype": subtype, "reason": reason, "suppressed": kind == "hard"}


NO_SUCH = "550 5.1.1 No such user"
CASES: dict[str, tuple[str, Callable[[Marks], object], str, dict[str, Any]]] = {
    "postmark delivered": (
        "postmark",
        lambda m: postmark("Delivery", m, Details="smtp;250 2.0.0 OK"),
        "email.delivered",
        {"delivered_at": "2026-03-02T09:30:03Z", "smtp_code": 250},
    ),
    "postmark hard bounce": (
        "postmark",
        lambda m: postmark("Bounce", m, ID=1, Type="HardBounce", Details=f"smtp;{NO_SUCH}", Inactive=True),
        "email.bounced",
        _bounced("hard", "bounced", f"smtp;{NO_SUCH}"),
    ),
    "postmark soft bounce": (
        "postmark",
        lambda m: postmark("Bounce", m, ID=1, Type="SoftBounce", Details="smtp;452 4.2.2 Mailbox full"),
        "email.bounced",
        _bounced("soft", "bounced", "smtp;452 4.2.2 Mailbox full"),
    ),
    "postmark transient": (
        "postmark",
        lambda m: postmark("Bounce", m, ID=1, Type="Transient", Description="Temporary failure"),
        "email.delayed",
        {"reason": "Temporary failure", "attempt": None, "next_attempt_at": None},
    ),
    "postmark complaint": (
        "postmark",
        lambda m: postmark("SpamComplaint", m, ID=2, Type="SpamComplaint", Details="", Inactive=True),
        "email.complained",
        {"feedback_type": None, "suppressed": True},
    ),
    "postmark blocked by its own list": (
        "postmark",
        lambda m: postmark("Bounce", m, ID=3, Type="ManuallyDeactivated"),
        "email.suppressed",
        {"origin": "policy", "suppression_id": None},
    ),
    "postmark malformed address": (
        "postmark",
        lambda m: postmark("Bounce", m, ID=4, Type="BadEmailAddress", Description="Not an address"),
        "email.failed",
        {"stage": "sending", "reason": "Not an address"},
    ),
    "postmark template": (
        "postmark",
        lambda m: postmark("Bounce", m, ID=5, Type="TemplateRenderingFailed", Description="Template failed"),
        "email.failed",
        {"stage": "sending", "reason": "Template failed"},
    ),
    "mailgun delivered": (
        "mailgun",
        lambda m: mailgun("delivered", m, **{"delivery-status": {"code": 250, "message": "OK"}}),
        "email.delivered",
        {"delivered_at": "2026-03-02T09:30:03.250000Z", "smtp_code": None},
    ),
    "mailgun permanent": (
        "mailgun",
        lambda m: mailgun(
            "failed", m, severity="permanent", reason="bounce", **{"delivery-status": {"code": 550, "message": NO_SUCH}}
        ),
        "email.bounced",
        _bounced("hard", "bounced", NO_SUCH),
    ),
    "mailgun temporary": (
        "mailgun",
        lambda m: mailgun(
            "failed", m, severity="temporary", reason="generic", **{"delivery-status": {"description": "Greylisted"}}
        ),
        "email.delayed",
        {"reason": "Greylisted", "attempt": None, "next_attempt_at": None},
    ),
    "mailgun complained": (
        "mailgun",
        lambda m: mailgun("complained", m),
        "email.complained",
        {"feedback_type": None, "suppressed": True},
    ),
    "mailjet unknown": (
        "mailjet",
        lambda m: [mailjet("blocked", m, error="user unknown", error_related_to="recipient")],
        "email.suppressed",
        {"origin": "bounce", "suppression_id": None},
    ),
    "mailjet spam": (
        "mailjet",
        lambda m: [mailjet("blocked", m, error="spam reporter")],
        "email.suppressed",
        {"origin": "complaint", "suppression_id": None},
    ),
    "mailjet duplicate": (
        "mailjet",
        lambda m: [mailjet("blocked", m, error="duplicate in campaign")],
        "email.failed",
        {"stage": "sending", "reason": None},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_mail_service_says_is_an_event_of_the_mails_app(case: str, app: App, marks: Marks) -> None:
    service, body, event_type, data = CASES[case]

    assert post(service, body(marks)) == 200

    event = Event.objects.get()
    assert (event.app, event.environment, event.type, event.test) == (app, "test", event_type, False)
    assert event.data == {**MAIL, **data}
    assert event.occurred_at.isoformat().startswith("2026-03-02T09:30:03")
    assert event.organization_id is None
    assert SUBJECT_TO_THEM not in event.payload


def test_a_list_of_events_is_told_each_by_itself(marks: Marks) -> None:
    three = [mailjet("sent", marks, smtp_reply="250 OK"), mailjet("spam", marks), mailjet("open", marks)]

    assert post("mailjet", three) == 200

    assert [event.type for event in Event.objects.order_by("id")] == ["email.delivered", "email.complained"]


def test_what_is_told_twice_is_one_event(marks: Marks) -> None:
    """A mail service that got no answer asks again."""
    for _ in range(2):
        assert post("mailgun", mailgun("delivered", marks)) == 200
        assert post("postmark", postmark("Bounce", marks, ID=1, Type="HardBounce")) == 200

    assert sorted(event.type for event in Event.objects.all()) == ["email.bounced", "email.delivered"]


def test_the_organization_of_the_mail_is_that_of_the_event(app: App, marks: Marks) -> None:
    organization = make_organization(app)

    post("mailgun", mailgun("delivered", {**marks, "switera_organization": organization.public_id}))

    assert Event.objects.get().organization == organization


@pytest.mark.parametrize("whose", ["deleted", "of another app"])
def test_a_mail_whose_organization_is_gone_is_told_as_of_none(
    app: App, marks: Marks, whose: str, caplog: pytest.LogCaptureFixture
) -> None:
    """S33: an organization of another app is one that is not there."""
    organization = make_organization(app if whose == "deleted" else make_app("Other").app)
    if whose == "deleted":
        delete_organization(organization, ACTOR)
    Event.objects.all().delete()

    for _ in range(2):
        assert post("mailgun", mailgun("delivered", {**marks, "switera_organization": organization.public_id})) == 200

    event = Event.objects.get()
    assert (event.app, event.type, event.organization_id) == (app, "email.delivered", None)
    assert '"organization_id":null' in event.payload
    line = f"Mailgun told of a mail of {app.public_id} whose organization is gone: the event has none."
    assert caplog.messages == [line] * 2


def test_what_is_told_again_once_the_organization_is_gone_stays_one_event(app: App, marks: Marks) -> None:
    organization = make_organization(app)
    marks["switera_organization"] = organization.public_id
    post("mailgun", mailgun("delivered", marks))
    delete_organization(organization, ACTOR)

    assert post("mailgun", mailgun("delivered", marks)) == 200

    assert Event.objects.get(type="email.delivered").organization_id == organization.pk


@pytest.mark.parametrize("record", ["Open", "Click", "SubscriptionChange"])
def test_what_is_no_event_of_ours_is_none(marks: Marks, record: str) -> None:
    assert post("postmark", postmark(record, marks, Recipient=ADA)) == 200

    assert Event.objects.count() == 0


@pytest.mark.parametrize("payload", ['"text"', "[1]", "null", "no JSON", "{}"])
def test_metadata_of_others_is_none_of_ours(app: App, payload: str) -> None:
    assert post("mailjet", [mailjet("sent", {}, Payload=payload)]) == 200

    assert Event.objects.count() == 0


@pytest.mark.parametrize("missing", ["switera_app", "switera_email_id", "switera_environment"])
def test_a_mail_that_names_no_app_is_nobodys(marks: Marks, missing: str) -> None:
    del marks[missing]

    assert post("postmark", postmark("Delivery", marks)) == 200

    assert Event.objects.count() == 0


@pytest.mark.parametrize(
    "change",
    [
        {"switera_app": "app_01m84w1vmver3skjvqwnncx601"},
        {"switera_app": "none"},
        {"switera_environment": "prod"},
    ],
)
def test_marks_that_lead_nowhere_are_answered_and_logged_without_the_address(
    marks: Marks, change: Marks, caplog: pytest.LogCaptureFixture
) -> None:
    """S31. Asking again would not help, so the mail service is told that all is well."""
    assert post("postmark", postmark("Delivery", {**marks, **change})) == 200

    assert Event.objects.count() == 0
    [record] = caplog.records
    assert record.levelname == "ERROR"
    assert ADA not in caplog.text


@pytest.mark.parametrize("secret", ["mail:wrong", "nobody:only-for-tests", ""])
def test_without_the_secret_nobody_tells_anything(marks: Marks, secret: str) -> None:
    assert post("postmark", postmark("Delivery", marks), secret) == 400
    assert Client().post("/anymail/postmark/tracking/", "{}", content_type="application/json").status_code == 400

    assert Event.objects.count() == 0


@pytest.mark.parametrize(
    ("service", "body", "secret", "why"),
    [
        ("postmark", "{}", "mail:guess-7731", "the user and password of its URL are not ANYMAIL_WEBHOOK_SECRET"),
        (
            "postmark",
            "no JSON \n ERROR guess-7731",
            "",
            "the user and password of its URL are not ANYMAIL_WEBHOOK_SECRET",
        ),
        ("mailgun", "[]", "guess-7731:\n", "the user and password of its URL are not ANYMAIL_WEBHOOK_SECRET"),
        ("amazon_ses", "guess-7731", "a:b", "the user and password of its URL are not ANYMAIL_WEBHOOK_SECRET"),
        ("mailgun", '{"signature": {"note": "guess-7731"}}', SECRET, "it is not signed as the mail service signs"),
    ],
)
def test_a_post_without_the_secret_or_badly_signed_is_one_line_that_quotes_nothing_of_it(
    service: str, body: str, secret: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    """S31."""
    assert post_text(service, body, secret) == 400

    [record] = caplog.records
    route = f"{service}_tracking_webhook"
    assert (record.levelname, record.exc_info) == ("WARNING", None)
    assert record.getMessage() == f"Refused a post to {route} from 127.0.0.1: {why}."


def test_a_forged_signature_is_refused_in_a_line(marks: Marks, caplog: pytest.LogCaptureFixture) -> None:
    forged = mailgun("delivered", marks)
    forged["signature"]["signature"] = "0" * 64

    assert post("mailgun", forged) == 400

    assert Event.objects.count() == 0
    assert [(record.levelname, record.exc_info) for record in caplog.records] == [("WARNING", None)]


def test_without_a_secret_set_there_is_no_such_route(settings: Settings) -> None:
    from switera_webhooks import urls

    assert len(urls._mail_tracking()) == 1
    settings.ANYMAIL = {"MAILGUN_WEBHOOK_SIGNING_KEY": "x"}
    assert urls._mail_tracking() == []
    settings.ANYMAIL = {}
    assert urls._mail_tracking() == []
