"""Mail backends to send with: each message by itself succeeds, or fails as real ones do."""

from collections.abc import Iterable, Sequence
from smtplib import SMTPRecipientsRefused, SMTPServerDisconnected

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

# What was done with the last backend made: `open`, `close`, and the messages as they were sent.
log: list[str] = []
taken: list[EmailMessage] = []


class Choosy(BaseEmailBackend):
    """Refuses addresses that begin with `no`, loses the connection for those that begin with `gone`."""

    def __init__(self, fail_silently: bool = False, **options: object) -> None:
        super().__init__(fail_silently=fail_silently)
        self.is_open = False
        log.clear()
        taken.clear()

    def open(self) -> bool:
        if self.is_open:
            return False
        log.append("open")
        self.is_open = True
        return True

    def close(self) -> None:
        if self.is_open:
            log.append("close")
        self.is_open = False

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        opened = self.open()
        try:
            return sum([self._send(message) for message in email_messages])
        finally:
            if opened:
                self.close()

    def _send(self, message: EmailMessage) -> int:
        try:
            _raise(message.recipients(), message.body)
        except OSError:
            if not self.fail_silently:
                raise
            return 0
        copy = EmailMessage(headers=dict(message.extra_headers))
        copy.metadata = getattr(message, "metadata", None)  # type: ignore[attr-defined]
        taken.append(copy)
        return 1


def _raise(recipients: Iterable[str], body: object) -> None:
    for to in recipients:
        if to.startswith("no"):
            raise SMTPRecipientsRefused({to: (550, f"5.1.1 {body}".encode())})
        if to.startswith("gone"):
            raise SMTPServerDisconnected(f"lost while sending {body}")
