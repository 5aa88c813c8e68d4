"""What the admin site's lists have in common: big tables are not counted, and nothing is changed by a form."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from switera_webhooks.admin.named import Named, read_id
from switera_webhooks.ids import Prefix

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


class TestFilter(LabelledFilter):
    """Test sends, which `test` marks."""

    title = "test sends"
    parameter_name = "test"
    labels = {"yes": "Test sends", "no": "All but those"}

    def condition(self, value: str) -> Q:
        return Q(test=value == "yes")


class BigTableAdmin(_ModelAdmin[Row]):
    """Nothing is added, changed or deleted by a form, no list counts its whole table, and any id finds what is its own.

    Actions of a subclass call the product's functions; each asks for the permission "operate".
    """

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    ordering = ["-id"]
    change_form_template = "admin/object.html"
    # {kind of id: the look-up by its key}; anything else that is searched for is looked for in `texts`, as it stands.
    found_by: Mapping[Prefix, str] = {}
    texts: Sequence[str] = ()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        title = str(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title[0].upper() + title[1:], **(extra_context or {})})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """What Django's permissions say of changing: for actions, and an admin of which some field may be changed."""
        return super().has_change_permission(request)

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        # The box is shown for a name here; get_search_results says what it finds.
        return ["pk"] if self.found_by or self.texts else []

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(self.condition_of(read_id(term), term)), False

    def condition_of(self, named: Named | None, term: str) -> Q:
        """What rows have to be for a term that is an id, or any other text."""
        if named is not None:
            name = self.found_by.get(named.prefix)
            return Q(pk__in=[]) if name is None else Q((name, named.key))
        condition = Q(pk__in=[])
        for name in self.texts:
            condition |= Q((name, term))
        return condition
