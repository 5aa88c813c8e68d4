"""`email.*`: what becomes of e-mails that the app sends, and of its sending domains. Never an e-mail's body."""

from events.catalog.built_in.declaration import (
    EMAIL,
    USER,
    count,
    event_type,
    flag,
    identifier,
    or_null,
    text,
    time,
)

_EMAIL_ID = identifier("email_id", "The e-mail.", EMAIL)
# Text, not an address: one that could not be sent to may be malformed.
_TO = text("to", "The recipient's address.", "ada@globex.example")
_SUPPRESSED = flag("suppressed", "Whether the address gets no more e-mails from now on.", True)

TYPES = (
    event_type(
        "email.sent",
        "Happens when an e-mail has been handed to the mail service.",
        _EMAIL_ID,
        or_null(
            text(
                "message_id",
                "Its Message-ID header, or the mail service's id.",
                "<20260302.9Bs35hJp@mail.acme.example>",
            )
        ),
        or_null(text("template", "The template it was made from.", "invoice_paid")),
        or_null(text("workflow", "The workflow that sent it.", "billing")),
        or_null(text("route", "The mail service or route that took it.", "transactional")),
        text("from", "The sender, as the e-mail shows it.", "Acme Billing <billing@acme.example>"),
        _TO,
        text("subject", "Its subject line.", "Your invoice is paid"),
        or_null(identifier("user_id", "The user it is for.", USER)),
        or_null(time("queued_at", "When the app asked for it to be sent.", "2026-03-02T09:29:58Z")),
    ),
    event_type(
        "email.delivered",
        "Happens when the recipient's mail server has accepted an e-mail.",
        _EMAIL_ID,
        _TO,
        time("delivered_at", "When the server accepted it.", "2026-03-02T09:30:03Z"),
        or_null(count("smtp_code", "The server's SMTP status; null where the mail service does not tell.", 250)),
    ),
    event_type(
        "email.delayed",
        "Happens when an e-mail could not be delivered yet and is tried again.",
        _EMAIL_ID,
        _TO,
        or_null(text("reason", "What the recipient's mail server said.", "450 4.2.2 Mailbox full")),
        or_null(count("attempt", "Which attempt it was, from 1.", 2)),
        or_null(time("next_attempt_at", "When it is tried again.", "2026-03-02T10:00:00Z")),
    ),
    event_type(
        "email.bounced",
        "Happens when the recipient's mail server has refused an e-mail for good.",
        _EMAIL_ID,
        _TO,
        text("bounce_type", "What kind of bounce, such as hard or soft.", "hard"),
        or_null(text("bounce_subtype", "More precisely, such as no_such_mailbox.", "no_such_mailbox")),
        or_null(text("reason", "What the recipient's mail server said.", "550 5.1.1 No such user")),
        _SUPPRESSED,
    ),
    event_type(
        "email.complained",
        "Happens when the recipient has marked an e-mail as spam.",
        _EMAIL_ID,
        _TO,
        or_null(text("feedback_type", "The kind of complaint, as in RFC 5965.", "abuse")),
        _SUPPRESSED,
    ),
    event_type(
        "email.failed",
        "Happens when an e-mail could not be sent at all.",
        _EMAIL_ID,
        _TO,
        text("stage", "Where it failed, such as rendering, queueing or sending.", "sending"),
        or_null(text("reason", "Why it failed.", "The mail service refused the sender's address")),
    ),
    event_type(
        "email.suppressed",
        "Happens when an e-mail was not sent because its recipient is on the suppression list.",
        or_null(identifier("email_id", "The e-mail; null where none was made.", EMAIL)),
        _TO,
        text("origin", "Why the address is on the list, such as bounce, complaint, unsubscribe or manual.", "bounce"),
        or_null(identifier("suppression_id", "The entry of the list.", "sup_4Yc26dQa")),
    ),
    event_type(
        "email.domain.verified",
        "Happens when the DNS records of a sending domain are found to be right.",
        identifier("domain_id", "The sending domain.", "dom_1Gx93sUb"),
        text("domain", "Its name.", "mail.acme.example"),
        count("records_checked", "How many DNS records were checked.", 3),
        time("verified_at", "When the domain was verified.", "2026-03-02T09:30:00Z"),
    ),
)
