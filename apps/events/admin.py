"""The audit trail in the admin, for the operator: to read, never to touch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.core.tenancy import unscoped
from apps.events.models import AuditEntry

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[AuditEntry]
else:
    ModelAdmin = admin.ModelAdmin  # generic for the type checker alone

OPERATOR = "the admin is the operator's, who sees every organization"


@admin.register(AuditEntry)
class AuditEntryAdmin(ModelAdmin):
    list_display = (
        "at",
        "action",
        "actor_name",
        "object_name",
        "organization",
        "address",
        "sequence",
    )
    list_filter = ("credential_kind",)
    search_fields = ("action", "actor_id", "actor_name", "object_id", "object_name")
    date_hierarchy = None
    ordering = ("-id",)
    list_select_related = ("organization",)
    show_full_result_count = False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        with unscoped(reason=OPERATOR):
            return _whole(super().changelist_view(request, extra_context))

    def changeform_view(self, *args: Any, **kwargs: Any) -> Any:
        with unscoped(reason=OPERATOR):
            return _whole(super().changeform_view(*args, **kwargs))

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        return super().get_queryset(request).order_by("-id")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _whole(response: Any) -> Any:
    """Render inside the scope: a template's queries come late."""
    return response.render() if hasattr(response, "render") else response
