"""Actions on selected rows: each through the product's own function, counted, and never more than so many at once."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest

from switera_webhooks.admin import lists
from switera_webhooks.admin.history import selected, selects_all
from switera_webhooks.environments import Environment
from switera_webhooks.refusals import Refusal
from webhooks.audit import Actor

_GOES = "Its app is being deleted."


def actor_of(request: HttpRequest, environment: str = Environment.LIVE) -> Actor:
    """The operator, as the audit log will name them."""
    assert isinstance(request.user, User)  # noqa: S101 (the admin site is for staff)
    return Actor.of_user(request.user, request.META.get("REMOTE_ADDR") or None, environment)


def act_on_each(
    request: HttpRequest,
    rows: QuerySet[Any],
    act: Callable[[Any, Actor], str | None],
    done: str,
    *,
    instead: str,
    more: Callable[[], str] = str,
) -> None:
    """Do `act` to every row (each of an app and environment); tell how many were `done`, and why the others were not.

    `act` returns None, or says why there was nothing to do; a Refusal of it tells so too, and stops no other row.
    `instead` says what to do where more than ROWS_AT_MOST rows are meant: then nothing is done. `more` is told at the
    end of what was done.
    """
    these = list(rows[: lists.ROWS_AT_MOST + 1])
    if len(these) > lists.ROWS_AT_MOST:
        messages.error(request, f"Nothing was done: an action takes {lists.ROWS_AT_MOST:,} rows at most. {instead}")
        return
    number = 0
    reasons: Counter[str] = Counter()
    for row in these:
        try:
            reason = _GOES if row.app.deleting_since else act(row, actor_of(request, row.environment))
        except Refusal as refused:
            reason = refused.message
        if reason is None:
            number += 1
        else:
            reasons[reason] += 1
    if not selects_all(request) and (gone := selected(request) - len(these)) > 0:
        reasons["It is not in this list any more: its state has changed."] += gone
    _tell(request, number, done, reasons, more() if number else "")


def _tell(request: HttpRequest, number: int, done: str, reasons: Counter[str], more: str) -> None:
    """ "12 retried, 3 could not be: This delivery is being sent." """
    text = f"{number:,} {done}"
    if reasons:
        told = " ".join(reasons) if len(reasons) == 1 else " ".join(f"{n:,}: {why}" for why, n in reasons.most_common())
        text = f"{text}, {reasons.total():,} could not be: {told}"
    else:
        text += "."
    messages.add_message(request, messages.WARNING if reasons else messages.SUCCESS, f"{text} {more}".strip())
