"""The base of the operator's admin: every organisation in view, services as the only writers.

A page is rendered within its view, since what it lists is read when it is rendered, and outside `unscoped` nothing is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.options import ModelAdmin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from apps.core.errors import AppError
from apps.core.models import StoredFile
from apps.core.tenancy import unscoped

if TYPE_CHECKING:
    _ModelAdmin = ModelAdmin[Model]
else:
    _ModelAdmin = ModelAdmin  # generic in the stubs alone

REASON = "the operator's admin"


class OperatorAdmin(_ModelAdmin):
    """Nothing may be done but what a subclass allows and gives to a service in `write` or `remove`."""

    can_add = can_change = can_delete = False
    actions: Any = None
    list_per_page = 50
    show_full_result_count = False

    def write(self, request: HttpRequest, row: Any, values: Mapping[str, Any]) -> Model:
        """Create (when `row` has no key) or change by a service; answer the row as it is now."""
        raise NotImplementedError

    def remove(self, request: HttpRequest, row: Any) -> None:
        raise NotImplementedError

    def save_model(self, request: Any, obj: Any, form: Any, change: Any) -> None:
        saved = self.write(request, obj, form.cleaned_data)
        obj.__dict__.update(saved.__dict__)

    def delete_model(self, request: Any, obj: Any) -> None:
        self.remove(request, obj)

    def has_module_permission(self, request: Any) -> bool:
        return _is_operator(request)

    def has_view_permission(self, request: Any, obj: Any = None) -> bool:
        return _is_operator(request)

    def has_add_permission(self, request: Any) -> bool:
        return self.can_add and _is_operator(request)

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        return self.can_change and _is_operator(request)

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        return self.can_delete and _is_operator(request)

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        # Django takes any column of the table itself from the address, so a digest could be read letter by letter.
        offered = map(_parameter_of, self.list_filter)
        return any(lookup == name or lookup.startswith(f"{name}__") for name in offered) and (
            super().lookup_allowed(lookup, value, request)
        )

    def changelist_view(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return _shown(request, super().changelist_view, *args, **kwargs)

    def changeform_view(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return _shown(request, super().changeform_view, *args, **kwargs)

    def delete_view(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return _shown(request, super().delete_view, *args, **kwargs)

    def history_view(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return _shown(request, super().history_view, *args, **kwargs)


def say_refusal(request: HttpRequest, error: AppError) -> None:
    messages.error(request, error.message)


def _parameter_of(filter_: Any) -> str:
    """What a member of `list_filter` is called in the address: a column, one with its class, or a class of its own."""
    if isinstance(filter_, str):
        return filter_
    return str(filter_[0] if isinstance(filter_, tuple) else filter_.parameter_name)


def _is_operator(request: Any) -> bool:
    return bool(request.user.is_active and request.user.is_staff)


def _shown(request: Any, view: Callable[..., Any], *args: Any, **kwargs: Any) -> HttpResponse:
    with unscoped(reason=REASON):
        try:
            response: Any = view(request, *args, **kwargs)
        except AppError as error:
            say_refusal(request, error)
            return HttpResponseRedirect(request.get_full_path())
        if hasattr(response, "render"):
            response = response.render()
    return response  # type: ignore[no-any-return]  # whatever Django's admin answers


@admin.register(StoredFile)
class StoredFileAdmin(OperatorAdmin):
    """What each organisation keeps, to look at; their bytes are had at the doors they belong to."""

    list_display = ("public_id", "organization", "purpose", "subject", "size", "created_at", "expires_at")  # fmt: skip
    list_filter = ("purpose", ("organization", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("organization",)
    search_fields = ("subject", "digest")
    ordering = ("-pk",)
    fields = (*list_display, "name", "content_type", "digest")
    readonly_fields = fields
