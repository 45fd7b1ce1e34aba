"""The registry for the operator: to look at, and to remove what should not be there. Services write."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from apps.core.tenancy import organization_scope
from apps.models.models import MlflowSource, ModelVersion, PredictionRecord, RegisteredModel
from apps.models.queries.totals import totals
from apps.models.services import registry, sources, versions
from apps.tenants.admin import OwnedAdmin, operator

if TYPE_CHECKING:
    RegisteredModelModelForm = forms.ModelForm[RegisteredModel]
else:
    RegisteredModelModelForm = forms.ModelForm  # generic in the stubs alone


class RegisteredModelForm(RegisteredModelModelForm):
    tags = forms.JSONField(label=gettext_lazy("Tags"), required=False, initial=dict)

    class Meta:
        model = RegisteredModel
        fields = ("description", "tags", "log_share")


@admin.register(RegisteredModel)
class RegisteredModelAdmin(OwnedAdmin):
    form: Any = RegisteredModelForm
    can_change = can_delete = True
    list_display = ("name", "organization", "owner", "last_number", "managed_by", "updated_at")
    list_select_related = ("organization", "owner")
    search_fields = ("name", "description")
    fields = (
        "public_id", "organization", "name", "description", "tags", "owner", "last_number",
        "managed_by", "log_share", "total_predictions", "last_prediction", "revision", "created_at",
        "updated_at",
    )  # fmt: skip
    readonly_fields = (
        "public_id", "organization", "name", "owner", "last_number", "managed_by",
        "total_predictions", "last_prediction", "revision", "created_at", "updated_at",
    )  # fmt: skip

    @admin.display(description=gettext_lazy("Total predictions"))
    def total_predictions(self, row: RegisteredModel) -> int:
        return totals(row.pk).total

    @admin.display(description=gettext_lazy("Last prediction"))
    def last_prediction(self, row: RegisteredModel) -> datetime | None:
        return totals(row.pk).last_at

    def write(
        self, request: HttpRequest, row: RegisteredModel, values: Mapping[str, Any]
    ) -> RegisteredModel:
        with organization_scope(row.organization_id):
            return registry.change_model(
                actor=operator(request, row.organization),
                name=row.public_id,
                description=values["description"],
                tags=values["tags"] or {},
                log_share=values["log_share"],
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


@admin.register(PredictionRecord)
class PredictionRecordAdmin(OwnedAdmin):
    """That something was predicted, and how it went. Whom it is about, and of what, stays with the organisation."""

    list_display = (
        "at", "organization", "model", "version", "source", "prediction", "actual", "is_cached",
        "duration_ms",
    )  # fmt: skip
    list_filter: ClassVar[Any] = ("source", ("organization", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("organization",)
    search_fields = ("request_id",)
    ordering = ("-pk",)
    fields = (
        "public_id", "organization", "at", "model", "version", "source", "batch", "request_id",
        "key", "principal", "prediction", "probability", "actual", "actual_at", "is_cached",
        "duration_ms",
    )  # fmt: skip
    readonly_fields = fields


@admin.register(MlflowSource)
class MlflowSourceAdmin(OwnedAdmin):
    """To look at, without its credential: whoever changes one has versions published in their name, so members do."""

    can_delete = True
    list_display = ("name", "organization", "url", "is_enabled", "synced_at", "sync_error")
    list_select_related = ("organization",)
    list_filter = (*OwnedAdmin.list_filter, "is_enabled")
    search_fields = ("name", "url")
    fields = (
        "public_id", "organization", "name", "url", "auth", "username", "credential_hint", "follows",
        "every_seconds", "is_enabled", "owner", "next_at", "synced_at", "sync_error", "outcomes",
        "revision", "created_at",
    )  # fmt: skip
    readonly_fields = fields

    def remove(self, request: HttpRequest, row: MlflowSource) -> None:
        with organization_scope(row.organization_id):
            sources.remove_source(
                actor=operator(request, row.organization), source_id=row.public_id
            )
