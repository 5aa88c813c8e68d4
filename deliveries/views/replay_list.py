"""The replays of an app and environment: what was sent again, by whom, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import HttpResponse

from deliveries.models import Replay
from deliveries.views.filter_words import KIND_WORDS
from switera_webhooks.ids import Prefix, from_public_id, to_public_id
from webhooks.endpoint_names import endpoint_names
from webhooks.models import Endpoint
from webhooks.views.access import PageRequest, Tab, app_page


@dataclass(frozen=True)
class Row:
    """`endpoint` is its name, or None where all endpoints were asked for."""

    replay: Replay
    what: str
    endpoint: str | None

    @property
    def sent_again(self) -> int:
        return self.replay.retried + self.replay.created


@app_page(Tab.DELIVERIES)
def replays(page: PageRequest) -> HttpResponse:
    """Newest first. The names of the rows' endpoints take one statement, whatever their number."""
    listed = page.paginate(Replay.objects.filter(app=page.app, environment=page.environment))
    names = _endpoint_names(page, listed.items)
    rows = [
        Row(replay, KIND_WORDS[replay.kind], names.get(replay.filters.get("endpoint_id", "")))
        for replay in listed.items
    ]
    return page.render("deliveries/replays.html", {"pages": listed, "rows": rows})


def _endpoint_names(page: PageRequest, replays: Sequence[Replay]) -> Mapping[str, str]:
    """By public id; deleted ones too, and none of another app (S33)."""
    ids = {replay.filters["endpoint_id"] for replay in replays if "endpoint_id" in replay.filters}
    asked = [key for text in ids if (key := from_public_id(Prefix.ENDPOINT, text)) is not None]
    found = endpoint_names(Endpoint.objects.filter(app=page.app, pk__in=asked).only("name", "url"))
    return {to_public_id(Prefix.ENDPOINT, key): name for key, name in found.items()}
