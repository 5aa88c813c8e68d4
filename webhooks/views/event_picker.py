"""What an endpoint subscribes to, as checkboxes: all events, a family, or single types, each with its description."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django import forms

from events.catalog.patterns import EVERYTHING, OPT_IN_FAMILY
from events.event_types import visible_event_types
from events.models import EventType
from webhooks.models import App


@dataclass(frozen=True)
class Choice:
    pattern: str
    description: str
    chosen: bool
    deprecated: bool = False


@dataclass
class Family:
    """Types with the same first word; `whole` stands for all of them, those added later too."""

    name: str
    built_in: bool
    whole: Choice
    types: list[Choice] = field(default_factory=list)

    @property
    def opt_in(self) -> bool:
        """Left out of "all events" (S40)."""
        return self.name == OPT_IN_FAMILY


@dataclass(frozen=True)
class Choices:
    """Builders' own families first. `others` are patterns that are chosen and none of the rest."""

    everything: Choice
    families: tuple[Family, ...]
    others: tuple[Choice, ...]

    @property
    def number_of_types(self) -> int:
        return sum(len(family.types) for family in self.families)


def choices_of(event_types: Iterable[EventType], chosen: Iterable[str]) -> Choices:
    """A deprecated type is offered where it is chosen already."""
    patterns = list(dict.fromkeys(chosen))
    left = set(patterns)
    families: dict[str, Family] = {}
    ordered = sorted(event_types, key=lambda one: (one.built_in, one.family == OPT_IN_FAMILY, one.name))
    for event_type in ordered:
        if event_type.deprecated and event_type.name not in left:
            continue
        name = event_type.family
        if name not in families:
            families[name] = Family(name, event_type.built_in, _choice(f"{name}.*", left))
        families[name].types.append(
            _choice(event_type.name, left, event_type.description, deprecated=event_type.deprecated)
        )
    everything = _choice(EVERYTHING, left)
    known = {everything.pattern}
    for family in families.values():
        known |= {family.whole.pattern, *(each.pattern for each in family.types)}
    others = tuple(Choice(pattern, "", chosen=True) for pattern in patterns if pattern not in known)
    return Choices(everything, tuple(families.values()), others)


def _choice(pattern: str, chosen: set[str], description: str = "", *, deprecated: bool = False) -> Choice:
    return Choice(pattern, description, pattern in chosen, deprecated)


class EventPicker(forms.Widget):
    """Its value is a list of patterns. `app`, whose catalog is offered, is set by the form."""

    template_name = "webhooks/widgets/event_picker.html"
    use_fieldset = True
    app: App

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        patterns: list[str] = data.getlist(name)
        return patterns

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        offered = visible_event_types(self.app).defer("schema", "example")
        context["choices"] = choices_of(offered, value or [])
        return context
