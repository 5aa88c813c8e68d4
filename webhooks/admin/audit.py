"""The audit log of all apps, for operators."""

from collections.abc import Sequence

from django.contrib import admin
from django.db.models import Q
from django.utils.safestring import SafeString

from switera_webhooks.admin.history import HistoryAdmin, by_environment
from switera_webhooks.admin.lists import LabelledFilter
from switera_webhooks.admin.named import Named, read_id
from switera_webhooks.admin.shown import code, json_text, object_link
from switera_webhooks.ids import Prefix
from webhooks.audit import ActorType
from webhooks.models import AuditEntry

_TARGETS = (
    *("app", "endpoint", "delivery", "replay", "api_key", "event_type", "user"),
    *("organization", "member", "invitation", "domain"),
)


class ActorFilter(LabelledFilter):
    """What kind of actor it was."""

    title = "actor"
    parameter_name = "actor"
    labels = {actor.value: actor.value.replace("_", " ").capitalize() for actor in ActorType}

    def condition(self, value: str) -> Q:
        return Q(actor_type=value)


class TargetFilter(LabelledFilter):
    """What was changed, revealed or started."""

    title = "about"
    parameter_name = "about"
    labels = {name: name.replace("_", " ").capitalize() for name in _TARGETS}

    def condition(self, value: str) -> Q:
        return Q(target_type=value)


@admin.register(AuditEntry)
class AuditEntryAdmin(HistoryAdmin[AuditEntry]):
    fields = ["public_id_", "created_at", "app", "environment", "action", "actor_type", "actor_name", "actor_id", "ip"]
    fields += ["target_type", "target_", "target_name", "changes_"]
    list_display = ["created_at", "action", "actor_", "target_", "target_name", "app", "ip"]
    list_display_links = ["created_at"]
    list_filter = [ActorFilter, TargetFilter, "environment"]
    list_select_related = ["app"]
    found_by = {Prefix.AUDIT_ENTRY: "pk", Prefix.APP: "app"}
    texts = ["action", "actor_name"]
    search_help_text = "The id of an entry, an app, or what it is about; an action such as endpoint.disabled; an actor"

    def condition_of(self, named: Named | None, term: str) -> Q:
        if named is not None and named.prefix not in self.found_by:
            return Q(target_id=named.public_id)
        return super().condition_of(named, term)

    def scope_of(self, named: Named | None) -> Named | None:
        """No index holds what entries are about: those are looked for among the newest."""
        return named if named is not None and named.prefix in self.found_by else None

    def scopes(self, named: Named | None) -> Sequence[Q]:
        return by_environment(named)

    @admin.display(description="id")
    def public_id_(self, entry: AuditEntry) -> str:
        return entry.public_id

    @admin.display(description="actor")
    def actor_(self, entry: AuditEntry) -> str:
        return entry.actor_name or entry.actor_type

    @admin.display(description="target")
    def target_(self, entry: AuditEntry) -> SafeString:
        """A link where it is something that has a page here; it may have been deleted since."""
        # A prefix says the kind without a query; what has none (an event type, a user) is not looked for.
        named = read_id(entry.target_id) if "_" in entry.target_id else None
        if named is None:
            return code(entry.target_id)
        return object_link(named.model, named.key, code(entry.target_id))

    @admin.display(description="changes")
    def changes_(self, entry: AuditEntry) -> SafeString:
        return json_text(entry.changes, "Changes")
