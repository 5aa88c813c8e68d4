"""Lists of history: the newest rows of tables that have millions, found within a bound whatever is filtered by.

A filter that few rows pass would else read a whole table to fill a page, and an index for each would be written with
every delivery. So a filter is looked for among SEARCHED_AT_ONCE of the newest rows and no further; the list says how
far it looked, and leads on from there.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList
from django.core.paginator import InvalidPage, Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from switera_webhooks.admin import lists
from switera_webhooks.admin.lists import BigTableAdmin, Row
from switera_webhooks.admin.named import Named, read_id
from switera_webhooks.database import whole_tables_left_alone
from switera_webhooks.environments import Environment
from switera_webhooks.ids import Prefix, made_at

# Measured with a million deliveries in PostgreSQL, two cores: they are read in 8 to 16 ms, and the page takes 24 ms
# where none is found, 50 to 80 ms with 50 rows to show.
SEARCHED_AT_ONCE = 20_000
BEFORE = "before"


class OlderFilter(admin.SimpleListFilter):
    """Where a list goes on: rows older than the id in the address."""

    title = "age"
    parameter_name = BEFORE

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        key = _key(self.used_parameters.get(BEFORE))
        return [] if key is None else [(str(key), f"Before {made_at(key):%Y-%m-%d %H:%M:%S}")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        key = _key(self.value())
        return queryset if key is None else queryset.filter(pk__lt=key)


class HistoryChangeList(ChangeList):
    """Its rows are ROWS_AT_MOST at most, newest first; their keys are found first, then a page of them is read."""

    model_admin: "HistoryAdmin[Any]"
    # Where the rest begins, None where nothing is left; and how far back was searched, None where nothing was left out.
    older: uuid.UUID | None = None
    searched_until: dt.datetime | None = None
    _keys: list[uuid.UUID]
    _most: int

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        rows = super().get_queryset(request, exclude_parameters)
        # For an action on a whole list one more, so that it sees that there are more than it takes.
        self._most = lists.ROWS_AT_MOST + (request.method == "POST")
        with whole_tables_left_alone():
            keys = self._keys_of_few(rows) if self.model_admin.are_few(self.params) else None
            self._keys = self._newest_keys(rows) if keys is None else keys
        if request.method == "POST" and not selects_all(request):
            return rows  # Django takes from them what was ticked, by key
        return self._rows(self._keys)

    def get_results(self, request: HttpRequest) -> None:
        """As Django's, without a count: the keys are there."""
        self.paginator = Paginator(self._keys, self.list_per_page)
        self.result_count = len(self._keys)
        self.full_result_count = None
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = self.result_count <= self.list_max_show_all
        self.multi_page = self.result_count > self.list_per_page
        keys = self._keys
        if self.multi_page and not (self.show_all and self.can_show_all):
            try:
                keys = list(self.paginator.page(self.page_num).object_list)
            except InvalidPage as error:
                raise IncorrectLookupParameters from error
        self.result_list = self._rows(keys)

    def _rows(self, keys: list[uuid.UUID]) -> QuerySet[Any]:
        rows: QuerySet[Any] = self.root_queryset.filter(pk__in=keys).order_by("-pk")
        return self.apply_select_related(rows)

    @property
    def older_query(self) -> str:
        return str(self.get_query_string({BEFORE: str(self.older)}))

    def _keys_of_few(self, rows: QuerySet[Any]) -> list[uuid.UUID] | None:
        """All of them, which an index of their own holds; None where they are many after all."""
        keys = list(rows.order_by().values_list("pk", flat=True)[: lists.ROWS_AT_MOST + 1])
        return None if len(keys) > lists.ROWS_AT_MOST else keys

    def _newest_keys(self, rows: QuerySet[Any]) -> list[uuid.UUID]:
        named = self.model_admin.scope_of(read_id(self.query)) if self.query.strip() else None
        is_narrowed = bool(self.params.keys() - {SEARCH_VAR, BEFORE}) or (bool(self.query.strip()) and named is None)
        keys: list[uuid.UUID] = []
        edges: list[uuid.UUID] = []
        for scope in self.model_admin.scopes(named):
            found = rows.filter(scope)
            if is_narrowed and (edge := self._edge(scope, named)) is not None:
                found = found.filter(pk__gte=edge)
                edges.append(edge)
            keys += found.order_by("-pk").values_list("pk", flat=True)[: lists.ROWS_AT_MOST + 1]
        keys.sort(reverse=True)
        if len(keys) > self._most:
            keys = keys[: self._most]
            self.older = keys[-1]
        elif edges:
            self.older = max(edges)
            self.searched_until = made_at(self.older)
        return keys

    def _edge(self, scope: Q, named: Named | None) -> uuid.UUID | None:
        """The last of the rows that are searched, None where all are: only keys are read."""
        searched = self.root_queryset.filter(scope)
        if named is not None:
            searched = searched.filter(self.model_admin.condition_of(named, ""))
        before = _key(self.params.get(BEFORE))
        if before is not None:
            searched = searched.filter(pk__lt=before)
        keys = searched.order_by("-pk").values_list("pk", flat=True)
        key: uuid.UUID | None = keys[SEARCHED_AT_ONCE : SEARCHED_AT_ONCE + 1].first()
        return key


class HistoryAdmin(BigTableAdmin[Row]):
    """Rows that only the engine writes, by UUIDv7: newest first, in no other order."""

    change_list_template = "admin/history_list.html"
    sortable_by = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return HistoryChangeList

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [*super().get_list_filter(request), OlderFilter]

    def scope_of(self, named: Named | None) -> Named | None:
        """The same where an index holds the rows of that id, newest first; else they are searched for."""
        return named

    def scopes(self, named: Named | None) -> Sequence[Q]:
        """Conditions that add up to all rows, each of which an index serves in the list's order."""
        return [Q()]

    def are_few(self, params: dict[str, Any]) -> bool:
        """Whether these filters leave what a partial index holds, which is never most of a table."""
        return False


def by_environment(named: Named | None) -> Sequence[Q]:
    """The scopes where an app's rows are in an index by environment."""
    if named is None or named.prefix != Prefix.APP:
        return [Q()]
    return [Q(environment=environment) for environment in Environment.values]


def selects_all(request: HttpRequest) -> bool:
    """Whether an action is meant for the whole list, and not for the rows that were ticked."""
    return request.POST.get("select_across", "0") not in ("", "0")


def selected(request: HttpRequest) -> int:
    """How many rows were ticked for an action."""
    return len(request.POST.getlist(ACTION_CHECKBOX_NAME))


def _key(text: object) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(text[-1] if isinstance(text, list) else text))
    except ValueError:
        return None
