"""The window of time that a list is narrowed to: the last hour, day, week, month, or between two moments."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

_PRESETS = {
    "1h": ("last hour", dt.timedelta(hours=1)),
    "24h": ("last 24 hours", dt.timedelta(hours=24)),
    "7d": ("last 7 days", dt.timedelta(days=7)),
    "30d": ("last 30 days", dt.timedelta(days=30)),
}
CUSTOM = "custom"
_LOCAL = "%Y-%m-%dT%H:%M:%S"


class Moment(forms.DateTimeField):
    """A moment in UTC; `datetime-local` has no zone, and a link may say Z."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"}, format=_LOCAL)

    def bound_data(self, data: Any, initial: Any) -> Any:
        """As the browser's field takes it."""
        try:
            moment = self.to_python(data)
        except ValidationError:
            return data
        return moment.astimezone(dt.UTC).strftime(_LOCAL) if moment else data


class WindowForm(forms.Form):
    """GET parameters of a list: `when`, and `after` and `before` where it is `custom`."""

    when = forms.ChoiceField(
        required=False,
        choices=[("", "any time"), *((key, words) for key, (words, _) in _PRESETS.items()), (CUSTOM, "between…")],
    )
    after = Moment(required=False, label="After (UTC)")
    before = Moment(required=False, label="Before (UTC)")

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__(data)
        if data.get("when") != CUSTOM:
            del self.fields["after"], self.fields["before"]

    def clean(self) -> None:
        after, before = self.cleaned_data.get("after"), self.cleaned_data.get("before")
        if after and before and after >= before:
            self.add_error("before", "This must be later than the time before it.")

    def window(self) -> tuple[dt.datetime | None, dt.datetime | None]:
        """Where it begins and ends, of a valid form. A preset begins at a full minute."""
        given = self.cleaned_data
        if given["when"] in _PRESETS:
            return timezone.now().replace(second=0, microsecond=0) - _PRESETS[given["when"]][1], None
        return given.get("after"), given.get("before")
