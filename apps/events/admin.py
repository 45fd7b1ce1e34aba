"""The audit trail and webhooks in the admin, for the operator: to read, never to touch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.core.tenancy import unscoped
from apps.events.models import AuditEntry, WebhookDelivery, WebhookEndpoint

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin  # generic for the type checker alone

OPERATOR = "the admin is the operator's, who sees every organization"


class ReadOnlyAdmin(ModelAdmin):
    """Every organization's rows, newest first, to read."""

    ordering = ("-id",)
    list_select_related: ClassVar[Any] = ("organization",)
    show_full_result_count = False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        with unscoped(reason=OPERATOR):
            return _whole(super().changelist_view(request, extra_context))

    def changeform_view(self, *args: Any, **kwargs: Any) -> Any:
        with unscoped(reason=OPERATOR):
            return _whole(super().changeform_view(*args, **kwargs))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).order_by("-id")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
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


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ReadOnlyAdmin):
    list_display = ("url", "organization", "is_enabled", "disabled_reason", "failing_since")
    list_filter = ("is_enabled", "is_callback")
    search_fields = ("url",)
    exclude = ("secret", "previous_secret")


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "event", "endpoint", "organization", "state", "attempts")
    list_filter = ("state",)
    search_fields = ("event", "job", "url")
    list_select_related = ("organization", "endpoint")


def _whole(response: Any) -> Any:
    """Render inside the scope: a template's queries come late."""
    return response.render() if hasattr(response, "render") else response
