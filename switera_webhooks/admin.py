"""What the admin site's lists have in common: big tables are not counted, and history is not changed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

# Whoever looks for more searches or filters.
ROWS_AT_MOST = 1_000

Row = TypeVar("Row", bound=Model)

if TYPE_CHECKING:
    _Paginator = Paginator[Any]
    _ModelAdmin = admin.ModelAdmin[Row]
else:
    # Django's own take a row's type for type checkers alone.
    _Paginator = Paginator

    class _ModelAdmin(admin.ModelAdmin, Generic[Row]):
        pass


class BoundedPaginator(_Paginator):
    """Pages of the first ROWS_AT_MOST rows: no more are counted, however many there are."""

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows.order_by()[:ROWS_AT_MOST].count()


class LabelledFilter(admin.SimpleListFilter):
    """A filter by conditions that have names: {value in the address: label}."""

    labels: Mapping[str, str]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(value), label) for value, label in self.labels.items()]

    def condition(self, value: str) -> Q:
        """What rows have to be for one of the values."""
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset if value is None or value not in self.labels else queryset.filter(self.condition(value))


class BigTableAdmin(_ModelAdmin[Row]):
    """Nothing is added, changed or deleted, and no list counts its whole table."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 100
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def is_permitted_to_change(self, request: HttpRequest) -> bool:
        """What Django's permissions say, for an admin of which some field may be changed."""
        return super().has_change_permission(request)
