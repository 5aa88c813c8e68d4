"""Which deliveries of an app: the one filter behind the REST list, the page, and what tries many again at once."""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from deliveries.models import Delivery
from switera_webhooks.ids import Prefix, from_public_id, to_public_id
from switera_webhooks.time_filters import created_between
from switera_webhooks.times import iso

_PREFIXES = {"endpoint_id": Prefix.ENDPOINT, "event_id": Prefix.EVENT, "organization_id": Prefix.ORGANIZATION}
_TIMES = ("after", "before")


@dataclass(frozen=True)
class DeliveryFilter:
    """Those for which all that is set holds; `after` and `before` leave their own moment out."""

    status: str | None = None
    endpoint_id: uuid.UUID | None = None
    event_type: str | None = None
    event_id: uuid.UUID | None = None
    organization_id: uuid.UUID | None = None  # of the event
    response_status: int | None = None  # of the last attempt, and so is the error code
    error_code: str | None = None
    test: bool | None = None  # test sends alone, or all but those
    after: dt.datetime | None = None
    before: dt.datetime | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "DeliveryFilter":
        """From the values of a form or query, which may hold more than filters."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: values[name] for name in names if name in values})

    @property
    def given(self) -> dict[str, Any]:
        """What is set."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def apply(self, deliveries: QuerySet[Any]) -> QuerySet[Any]:
        """Those of `deliveries`, which the caller has scoped to an app and environment."""
        equal = {name: value for name, value in self.given.items() if name not in _TIMES}
        if "organization_id" in equal:
            equal["event__organization_id"] = equal.pop("organization_id")
        return created_between(deliveries.filter(**equal), self.after, self.before)

    def to_json(self) -> dict[str, Any]:
        """What is set, as people and programs see it: for the audit log, and for `from_json`."""
        return {
            name: to_public_id(_PREFIXES[name], value)
            if name in _PREFIXES
            else iso(value)
            if isinstance(value, dt.datetime)
            else value
            for name, value in self.given.items()
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "DeliveryFilter":
        """The filter that `to_json` wrote."""
        values = dict(stored)
        for name in values:
            if name in _PREFIXES:
                values[name] = from_public_id(_PREFIXES[name], values[name])
            elif name in _TIMES:
                values[name] = dt.datetime.fromisoformat(values[name])
        return cls(**values)


def deliveries_of(app_id: uuid.UUID, environment: str, filters: DeliveryFilter) -> QuerySet[Delivery]:
    """The app's deliveries that the filter lets through (S33)."""
    return filters.apply(Delivery.objects.filter(app=app_id, environment=environment))
