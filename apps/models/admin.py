"""The registry for the operator: to look at, and to remove what should not be there. Services write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from apps.core.tenancy import organization_scope
from apps.models.models import ModelVersion, RegisteredModel
from apps.models.services import registry, versions
from apps.tenants.admin import OwnedAdmin, operator


@admin.register(RegisteredModel)
class RegisteredModelAdmin(OwnedAdmin):
    can_change = can_delete = True
    list_display = ("name", "organization", "owner", "last_number", "managed_by", "updated_at")
    list_select_related = ("organization", "owner")
    search_fields = ("name", "description")
    fields = (
        "public_id", "organization", "name", "description", "tags", "owner", "last_number",
        "managed_by", "revision", "created_at", "updated_at",
    )  # fmt: skip
    readonly_fields = (
        "public_id", "organization", "name", "owner", "last_number", "managed_by", "revision",
        "created_at", "updated_at",
    )  # fmt: skip

    def write(
        self, request: HttpRequest, row: RegisteredModel, values: Mapping[str, Any]
    ) -> RegisteredModel:
        with organization_scope(row.organization_id):
            return registry.change_model(
                actor=operator(request, row.organization),
                name=row.public_id,
                description=values["description"],
                tags=values["tags"] or {},
            )

    def remove(self, request: HttpRequest, row: RegisteredModel) -> None:
        with organization_scope(row.organization_id):
            registry.remove_model(actor=operator(request, row.organization), name=row.public_id)


@admin.register(ModelVersion)
class ModelVersionAdmin(OwnedAdmin):
    can_delete = True
    list_display = (
        "model",
        "label",
        "stage",
        "status",
        "format",
        "organization",
        "size",
        "created_at",
    )
    list_select_related = ("organization", "model")
    list_filter = (*OwnedAdmin.list_filter, "stage", "status", "format")
    search_fields = ("label", "model__name", "digest")
    fields = (
        "public_id", "organization", "model", "number", "label", "stage", "status", "refusal",
        "format", "task", "digest", "size", "features", "described", "input_example", "metrics",
        "lineage", "description", "tags", "created_by", "revision", "created_at", "updated_at",
    )  # fmt: skip
    readonly_fields = fields

    def remove(self, request: HttpRequest, row: ModelVersion) -> None:
        with organization_scope(row.organization_id):
            versions.remove_version(
                actor=operator(request, row.organization),
                name=row.model.public_id,
                tag=row.public_id,
            )
