"""The filters of the audit log as they stand in its URL, and the AuditFilter that they mean."""

from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Any

from django import forms

from switera_webhooks.pages.window import WindowForm
from webhooks.audit import ActorType
from webhooks.audit_actions import ACTIONS, action_words
from webhooks.audit_log import AuditFilter, audit_entries
from webhooks.models import ApiKey, Membership
from webhooks.views.access import PageRequest

# So many Builders and so many keys stand in the list; whoever else is asked for by id is added to it.
_CHOICES_AT_MOST = 200
_ASKED_AT_MOST = 64  # characters, as the columns have
Choices = list[tuple[str, Any]]


class AuditFilterForm(WindowForm):
    """GET parameters. The actors are those of the page's app and environment (S33, S34)."""

    field_order = ["action", "actor", "when", "after", "before"]
    action = forms.ChoiceField(required=False)
    actor = forms.ChoiceField(required=False, label="Who")

    def __init__(self, page: PageRequest, data: Mapping[str, Any]) -> None:
        super().__init__(data)
        self.page = page
        self._choose("action", _actions(), action_words)
        self._choose("actor", self._actors(), self._name_of)

    def _choose(self, name: str, choices: Choices, words_of: Callable[[str], str | None]) -> None:
        """These, and the one that is asked for where there are words for it."""
        asked = str(self.data.get(name) or "")[:_ASKED_AT_MOST]
        known = {key for _, group in choices for key, _ in group}
        words = words_of(asked) if asked.isprintable() and asked and asked not in known else None
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 (narrows the type)
        field.choices = [("", "any"), *([(asked, words)] if words else []), *choices]

    def _actors(self) -> Choices:
        members = Membership.objects.filter(app=self.page.app).select_related("user").order_by("user__username")
        keys = ApiKey.objects.filter(app=self.page.app, environment=self.page.environment).order_by("-id")
        groups: Choices = [
            ("Members", [(str(each.user.pk), each.user.get_username()) for each in members[:_CHOICES_AT_MOST]]),
            ("API keys", [(key.public_id, key.masked) for key in keys[:_CHOICES_AT_MOST]]),
            ("No person", [(ActorType.SYSTEM.value, "System"), (ActorType.COMMAND.value, "Commands")]),
        ]
        return [group for group in groups if group[1]]

    def _name_of(self, actor: str) -> str | None:
        """Of somebody who is no member any more, or a key beyond the list."""
        found = audit_entries(self.page.app, self.page.environment, AuditFilter(actor=actor))
        latest = found.order_by("-id").first()
        return None if latest is None else latest.actor_name or latest.actor_type

    def filters(self) -> AuditFilter:
        """What a valid form means."""
        after, before = self.window()
        given = self.cleaned_data
        return AuditFilter(given["action"] or None, given["actor"] or None, after, before)


def _actions() -> Choices:
    """By what they are about: the first word of each."""
    families = groupby(ACTIONS.items(), key=lambda item: item[0].partition(".")[0])
    return [(action_words(family), list(items)) for family, items in families]
