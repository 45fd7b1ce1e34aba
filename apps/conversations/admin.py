"""Conversations for the operator: how many, whose, by which model. No titles and no texts: they are their owners'."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet

from apps.conversations.models import Conversation
from apps.core.admin import OperatorAdmin


@admin.register(Conversation)
class ConversationAdmin(OperatorAdmin):
    list_display = (
        "public_id", "organization", "owner_name", "model", "visibility", "message_count",
        "created_at", "updated_at", "archived_at",
    )  # fmt: skip
    list_filter: ClassVar[Any] = (
        "visibility",
        ("organization", admin.RelatedOnlyFieldListFilter),
    )
    list_select_related = ("organization",)
    search_fields = ("owner", "owner_name", "model")
    ordering = ("-pk",)
    fields = (*list_display, "owner", "trimming", "context_tokens", "revision")
    readonly_fields = fields

    def get_queryset(self, request: Any) -> QuerySet[Conversation]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.defer("title", "system_prompt", "parameters", "tags")
