"""What every list of the admin site has in common: big tables are shown without being counted, and history is read only."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

# Who looks further searches or filters.
ROWS_AT_MOST = 1_000


class BoundedPaginator(Paginator[Any]):
    """Pages of the first ROWS_AT_MOST rows: no more are counted, however many there are."""

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows.order_by()[:ROWS_AT_MOST].count()


if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Model]
else:
    _ModelAdmin = admin.ModelAdmin


class BigTableAdmin(_ModelAdmin):
    """Nothing is added, changed or deleted here, and no list counts its whole table."""

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
