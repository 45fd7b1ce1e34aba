"""Providers, deployments, routes and prompts for the operator. Services write; no page shows a credential."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from apps.core.tenancy import organization_scope
from apps.providers.models import (
    Budget,
    Capture,
    Deployment,
    Prompt,
    Provider,
    Route,
    UsageRecord,
)
from apps.providers.services import budgets, connections, deployments, prompts, providers, routes
from apps.tenants.admin import OwnedAdmin, each, operator

if TYPE_CHECKING:
    ProviderModelForm = forms.ModelForm[Provider]
    DeploymentModelForm = forms.ModelForm[Deployment]
    BudgetModelForm = forms.ModelForm[Budget]
else:
    # Generic in the stubs alone.
    ProviderModelForm = DeploymentModelForm = BudgetModelForm = forms.ModelForm

LIMITS = {
    "rpm": "requests_per_minute",
    "tpm": "tokens_per_minute",
    "parallel": "parallel",
}


class ProviderForm(ProviderModelForm):
    base_url = forms.CharField(
        label=gettext_lazy("Base URL"),
        max_length=2000,
        required=False,
        help_text=gettext_lazy("Another host drops the credential, unless a new one comes along."),
    )
    api_key = forms.CharField(
        label=gettext_lazy("API key"),
        required=False,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("Kept encrypted and never shown. Left empty, it stays as it is."),
    )
    options = forms.JSONField(label=gettext_lazy("Options"), required=False, initial=dict)

    class Meta:
        model = Provider
        fields = ("organization", "name", "kind", "base_url", "options", "is_enabled")


class DeploymentForm(DeploymentModelForm):
    cached_input_price = forms.DecimalField(required=False, max_digits=20, decimal_places=9)
    requests_per_minute = forms.IntegerField(required=False, min_value=1)
    tokens_per_minute = forms.IntegerField(required=False, min_value=1)
    parallel = forms.IntegerField(required=False, min_value=1)

    class Meta:
        model = Deployment
        fields = (
            "name", "model", "input_price", "output_price", "cached_input_price",
            "requests_per_minute", "tokens_per_minute", "parallel", "is_enabled",
        )  # fmt: skip


@admin.register(Provider)
class ProviderAdmin(OwnedAdmin):
    can_add = can_change = can_delete = True
    form: Any = ProviderForm
    list_display = (
        "name", "kind", "organization", "base_url", "credential_hint", "is_enabled", "checked_at",
        "check_error",
    )  # fmt: skip
    list_filter: ClassVar[Any] = (
        "kind",
        "is_enabled",
        ("organization", admin.RelatedOnlyFieldListFilter),
    )
    list_select_related = ("organization",)
    search_fields = ("name", "base_url")
    actions = ("test",)
    fields = ("organization", "name", "kind", "base_url", "api_key", "options", "is_enabled")
    seen = ("public_id", "credential_hint", "checked_at", "check_error", "revision", "created_at")

    def get_fields(self, request: Any, obj: Any = None) -> Any:
        return self.fields if obj is None else (*self.fields, *self.seen)

    def get_readonly_fields(self, request: Any, obj: Any = None) -> Any:
        return () if obj is None else ("organization", "kind", *self.seen)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("credential")

    def write(self, request: HttpRequest, row: Provider, values: Mapping[str, Any]) -> Provider:
        given = {
            "name": values["name"],
            "base_url": values["base_url"],
            "options": values["options"] or {},
            "is_enabled": values["is_enabled"],
        }
        if values["api_key"]:
            given["api_key"] = values["api_key"]
        if row.pk:
            with organization_scope(row.organization_id):
                actor = operator(request, row.organization)
                return providers.update_provider(actor=actor, provider_id=row.public_id, **given)
        organization = values["organization"]
        with organization_scope(organization.pk):
            actor = operator(request, organization)
            return providers.create_provider(actor=actor, kind=values["kind"], **given)

    def remove(self, request: HttpRequest, row: Provider) -> None:
        with organization_scope(row.organization_id):
            providers.remove_provider(
                actor=operator(request, row.organization), provider_id=row.public_id
            )

    @admin.action(description=gettext_lazy("Try the connections"), permissions=["view"])
    def test(self, request: HttpRequest, rows: QuerySet[Provider]) -> None:
        each(
            request,
            rows.select_related("organization"),
            lambda actor, row: connections.check_connection(actor=actor, provider_id=row.public_id),
        )


@admin.register(Deployment)
class DeploymentAdmin(OwnedAdmin):
    can_change = can_delete = True
    form: Any = DeploymentForm
    list_display = (
        "name", "provider", "model", "organization", "input_price", "output_price", "is_enabled",
    )  # fmt: skip
    list_select_related = ("organization", "provider")
    search_fields = ("name", "model", "provider__name")
    seen = ("public_id", "organization", "provider", "revision", "created_at")
    fields = (*seen, *DeploymentForm.Meta.fields)
    readonly_fields = seen

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("provider__credential")

    def write(self, request: HttpRequest, row: Deployment, values: Mapping[str, Any]) -> Deployment:
        names = ("name", "model", "input_price", "output_price", "cached_input_price", "is_enabled")
        with organization_scope(row.organization_id):
            return deployments.update_deployment(
                actor=operator(request, row.organization),
                deployment_id=row.public_id,
                limits={word: values[column] for word, column in LIMITS.items()},
                **{name: values[name] for name in names},
            )

    def remove(self, request: HttpRequest, row: Deployment) -> None:
        with organization_scope(row.organization_id):
            deployments.remove_deployment(
                actor=operator(request, row.organization), deployment_id=row.public_id
            )


@admin.register(Route)
class RouteAdmin(OwnedAdmin):
    can_delete = True
    list_display = (
        "name", "organization", "sticky", "retries", "cache_seconds", "managed_by", "is_enabled",
        "revision",
    )  # fmt: skip
    list_select_related = ("organization",)
    search_fields = ("name", "description")
    actions = ("enable", "disable")
    fields = (
        "public_id", "organization", "name", "description", "shares", "fallbacks", "sticky", "retries",
        "cache_seconds", "captures", "continues", "guardrails", "prompt", "managed_by", "is_enabled",
        "revision", "created_at",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description=gettext_lazy("targets"))
    def shares(self, route: Route) -> str:
        targets = route.targets.select_related("deployment").defer("deployment__provider")
        return ", ".join(
            f"{target.deployment.name}: {target.weight:g} ({target.priority})" for target in targets
        )

    def remove(self, request: HttpRequest, row: Route) -> None:
        with organization_scope(row.organization_id):
            routes.remove_route(actor=operator(request, row.organization), name=row.public_id)

    @admin.action(description=gettext_lazy("Enable the chosen routes"), permissions=["view"])
    def enable(self, request: HttpRequest, rows: QuerySet[Route]) -> None:
        self._set(request, rows, is_enabled=True)

    @admin.action(description=gettext_lazy("Disable the chosen routes"), permissions=["view"])
    def disable(self, request: HttpRequest, rows: QuerySet[Route]) -> None:
        self._set(request, rows, is_enabled=False)

    def _set(self, request: HttpRequest, rows: QuerySet[Route], **new: Any) -> None:
        each(
            request,
            rows.select_related("organization"),
            lambda actor, row: routes.update_route(actor=actor, name=row.public_id, **new),
        )


@admin.register(Prompt)
class PromptAdmin(OwnedAdmin):
    can_delete = True
    list_display = ("name", "organization", "description", "revision", "created_at")
    list_select_related = ("organization",)
    search_fields = ("name", "description")
    fields = (
        "public_id",
        "organization",
        "name",
        "description",
        "labelled",
        "revision",
        "created_at",
    )
    readonly_fields = fields

    @admin.display(description=gettext_lazy("labels"))
    def labelled(self, prompt: Prompt) -> str:
        labels = prompt.labels.select_related("version")
        return ", ".join(f"{label.name}: {label.version.number}" for label in labels)

    def remove(self, request: HttpRequest, row: Prompt) -> None:
        with organization_scope(row.organization_id):
            prompts.remove_prompt(actor=operator(request, row.organization), name=row.public_id)


class BudgetForm(BudgetModelForm):
    amount = forms.DecimalField(
        label=gettext_lazy("Dollars"), required=False, max_digits=20, decimal_places=9
    )
    tokens = forms.IntegerField(label=gettext_lazy("Tokens"), required=False, min_value=1)

    class Meta:
        model = Budget
        fields = ("organization", "scope", "subject", "period", "amount", "tokens")


@admin.register(Budget)
class BudgetAdmin(OwnedAdmin):
    can_add = can_change = can_delete = True
    form: Any = BudgetForm
    list_display = ("__str__", "organization", "amount", "tokens", "revision", "created_at")
    list_filter: ClassVar[Any] = (
        "scope",
        "period",
        ("organization", admin.RelatedOnlyFieldListFilter),
    )
    list_select_related = ("organization",)
    search_fields = ("subject",)
    fields = BudgetForm.Meta.fields

    def get_readonly_fields(self, request: Any, obj: Any = None) -> Any:
        return () if obj is None else ("organization", "scope", "subject", "period")

    def write(self, request: HttpRequest, row: Budget, values: Mapping[str, Any]) -> Budget:
        given = {"amount": values["amount"], "tokens": values["tokens"]}
        if row.pk:
            with organization_scope(row.organization_id):
                actor = operator(request, row.organization)
                return budgets.update_budget(actor=actor, budget_id=row.public_id, **given)
        organization = values["organization"]
        named = {name: values[name] for name in ("scope", "subject", "period")}
        with organization_scope(organization.pk):
            actor = operator(request, organization)
            return budgets.create_budget(actor=actor, **named, **given)

    def remove(self, request: HttpRequest, row: Budget) -> None:
        with organization_scope(row.organization_id):
            budgets.remove_budget(
                actor=operator(request, row.organization), budget_id=row.public_id
            )


@admin.register(UsageRecord)
class UsageRecordAdmin(OwnedAdmin):
    list_display = (
        "at", "organization", "model", "deployment", "status", "prompt_tokens", "completion_tokens",
        "cost_nano", "duration_ms",
    )  # fmt: skip
    list_filter: ClassVar[Any] = (
        "status",
        ("organization", admin.RelatedOnlyFieldListFilter),
    )
    list_select_related = ("organization",)
    search_fields = ("request_id",)
    fields = (
        "organization", "at", "request_id", "key", "key_name", "principal", "end_user", "model", "deployment",
        "provider", "operation", "status", "error_code", "is_stream", "is_cached", "is_estimated", "attempts",
        "prompt_tokens", "completion_tokens", "cached_tokens", "cost_nano", "duration_ms", "first_token_ms",
        "overhead_ms", "record", "epoch",
    )  # fmt: skip
    readonly_fields = fields


@admin.register(Capture)
class CaptureAdmin(OwnedAdmin):
    list_display = ("at", "organization", "model", "key", "status", "is_cut", "expires_at")
    list_filter: ClassVar[Any] = (
        "status",
        ("organization", admin.RelatedOnlyFieldListFilter),
    )
    list_select_related = ("organization",)
    search_fields = ("request_id",)
    fields = (
        "organization", "at", "expires_at", "request_id", "model", "key", "status", "is_cut", "request", "answer",
        "record",
    )  # fmt: skip
    readonly_fields = fields
