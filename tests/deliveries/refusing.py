"""What the tests of actions share: a refusal that has changed nothing, and what the audit log says."""

from collections.abc import Callable

import pytest

from switera_webhooks.refusals import Refusal
from webhooks.models import AuditEntry, Endpoint


def refused(action: Callable[[], object], kind: type[Refusal]) -> Refusal:
    """The refusal of the action, which has left endpoints and the audit log as they were."""
    before = list(Endpoint.objects.order_by("id").values()), AuditEntry.objects.count()
    with pytest.raises(kind) as caught:
        action()
    assert (list(Endpoint.objects.order_by("id").values()), AuditEntry.objects.count()) == before
    return caught.value


def audited() -> list[tuple[str, str]]:
    return list(AuditEntry.objects.order_by("id").values_list("action", "actor_type"))
