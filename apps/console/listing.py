"""From a queryset and the query string to the context of `components/table.html`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from apps.core.pagination import MAX_PAGE, Page, after_cursor, page_of, read_integer

ROWS = 50

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    label: Any
    kind: str = "text"
    order: str = ""
    """The column of the database that a click on the head sorts by."""
    is_minor: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """What is special about one list; `context` adds what all lists share."""

    id: str
    label: Any
    columns: Sequence[Column]
    row: Callable[[Any], Row]
    empty: Mapping[str, Any]
    filters: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    topic: str = ""
    events: str = ""
    exports: Sequence[Mapping[str, str]] = field(default_factory=tuple)
    has_bar: bool = True
    """False where the page has one bar over several parts; `filters` then only tell why a list is empty."""

    def pages(self, request: HttpRequest, queryset: QuerySet[Any]) -> dict[str, Any]:
        """A list by page numbers."""
        number = read_integer(request.GET.get("page"), "page", default=1, maximum=MAX_PAGE)
        page = page_of(self._ordered(request, queryset), page=number, limit=ROWS)
        return self._context(request, page, _page_links(request, page))

    def newest(self, request: HttpRequest, queryset: QuerySet[Any]) -> dict[str, Any]:
        """A list that keeps growing, by cursor."""
        page = after_cursor(queryset, cursor=request.GET.get("cursor"), limit=ROWS)
        cursor = page.meta["next_cursor"]
        links = {"next_url": url_with(request, cursor=cursor)} if cursor else {}
        return self._context(request, page, links)

    def whole(self, request: HttpRequest, rows: Sequence[Any]) -> dict[str, Any]:
        """A list that is short, in the order it comes in."""
        return self._context(request, Page(list(rows), {}), {})

    def _context(
        self, request: HttpRequest, page: Page, pagination: dict[str, Any]
    ) -> dict[str, Any]:
        rows = [self.row(item) for item in page.rows]
        for row in rows:
            for column, cell in zip(self.columns, row["cells"], strict=True):
                cell.setdefault("kind", column.kind)
                cell.setdefault("label", column.label)
                cell.setdefault("is_minor", column.is_minor)
        return {
            "id": self.id,
            "label": self.label,
            "columns": [self._column(request, column) for column in self.columns],
            "rows": rows,
            "has_actions": any(row.get("actions") for row in rows),
            "filter": self._filter(request),
            "exports": self.exports,
            "pagination": pagination,
            "empty": self._empty(request),
            "topic": self.topic,
            "events": self.events,
            "refresh_url": request.get_full_path(),
        }

    def _column(self, request: HttpRequest, column: Column) -> dict[str, Any]:
        now = request.GET.get("ordering", "")
        is_up = now == column.order
        sorted_as = "ascending" if is_up else "descending" if now == f"-{column.order}" else ""
        target = f"-{column.order}" if is_up else column.order
        return {
            "label": column.label,
            "kind": column.kind,
            "is_minor": column.is_minor,
            "sorted": sorted_as if column.order else "",
            "sort_url": url_with(request, ordering=target, page=None) if column.order else "",
        }

    def _ordered(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        asked = request.GET.get("ordering", "")
        if asked.removeprefix("-") in {column.order for column in self.columns if column.order}:
            return queryset.order_by(asked, "pk")
        return queryset

    def _filter(self, request: HttpRequest) -> dict[str, Any] | None:
        return filter_bar(request, self.filters) if self.filters and self.has_bar else None

    def _empty(self, request: HttpRequest) -> Mapping[str, Any]:
        if any(request.GET.get(spec["name"]) for spec in self.filters):
            return {"title": _("Nothing matches"), "sentence": _("Change the filter or clear it.")}
        return self.empty


def filter_bar(request: HttpRequest, filters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What `components/filter.html` takes."""
    fields = [_filter_field(request, spec) for spec in filters]
    return {"fields": fields, "url": request.path, "clear_url": request.path}


def url_with(request: HttpRequest, **changes: Any) -> str:
    """This very address with some of its query changed; None takes a part away."""
    query = request.GET.copy()
    for name, value in changes.items():
        query.pop(name, None)
        if value is not None:
            query[name] = str(value)
    return f"{request.path}?{query.urlencode()}" if query else request.path


def _filter_field(request: HttpRequest, spec: Mapping[str, Any]) -> dict[str, Any]:
    value = request.GET.get(spec["name"], "")
    options = [
        {"value": option, "label": label, "is_selected": option == value}
        for option, label in spec.get("options", ())
    ]
    return {
        "name": spec["name"],
        "label": spec["label"],
        "kind": spec["kind"],
        "value": value,
        "options": options,
    }


def _page_links(request: HttpRequest, page: Page) -> dict[str, Any]:
    if not page.rows and not page.meta["total"]:
        return {}
    number, limit, total = page.meta["page"], page.meta["limit"], page.meta["total"]
    first = (number - 1) * limit + 1
    summary = _("%(first)d to %(last)d of %(total)d") % {
        "first": first if page.rows else 0,
        "last": first + len(page.rows) - 1 if page.rows else 0,
        "total": total,
    }
    return {
        "summary": summary,
        "previous_url": url_with(request, page=number - 1) if number > 1 else "",
        "next_url": url_with(request, page=number + 1) if number < page.meta["total_pages"] else "",
    }
