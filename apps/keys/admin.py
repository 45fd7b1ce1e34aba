"""API keys for the operator: to list, to make, to revoke. A secret is shown on the page that follows its making."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminSplitDateTime
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core.actor import Actor, Role
from apps.core.admin import OperatorAdmin, say_refusal
from apps.core.errors import AppError
from apps.core.tenancy import organization_scope
from apps.keys.models import ApiKey
from apps.keys.queries import directory
from apps.keys.queries.keys import STATES, in_state
from apps.keys.services import keys
from apps.tenants.queries.identities import identity_of_operator

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[ApiKey]
else:
    ModelForm = forms.ModelForm  # generic in the stubs alone


class StateFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [(state, state) for state in STATES]

    def queryset(self, request: Any, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        state = self.value()
        return queryset.filter(in_state(state, timezone.now())) if state in STATES else queryset


class IssueForm(ModelForm):
    owner = forms.CharField(
        label=gettext_lazy("Owner"),
        max_length=254,
        help_text=gettext_lazy("The e-mail address of a member."),
    )
    expires_at = forms.SplitDateTimeField(
        label=gettext_lazy("Expires"), required=False, widget=AdminSplitDateTime()
    )

    class Meta:
        model = ApiKey
        fields = ("organization", "name", "role", "expires_at")


@admin.register(ApiKey)
class ApiKeyAdmin(OperatorAdmin):
    can_add = True
    list_display = (
        "name", "secret", "organization", "owner", "role", "state", "last_used_at", "expires_at",
    )  # fmt: skip
    list_filter: ClassVar[Any] = (
        StateFilter,
        "role",
        ("organization", admin.RelatedOnlyFieldListFilter),
    )
    list_select_related = ("organization", "user", "service_account")
    search_fields = ("name", "hint", "user__email", "service_account__name")
    actions = ("revoke",)
    fields = (
        "public_id", "organization", "owner", "name", "secret", "role", "is_approver", "state", "limits",
        "addresses", "model_names", "budget", "cache_seconds", "created_by", "created_at", "expires_at", "last_used_at", "revoked_at",
    )  # fmt: skip
    readonly_fields = fields

    def get_form(
        self, request: Any, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm[Any]]:
        return IssueForm if obj is None else super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: Any, obj: Any = None) -> Any:
        return [*IssueForm.base_fields] if obj is None else self.fields

    def get_readonly_fields(self, request: Any, obj: Any = None) -> Any:
        return () if obj is None else self.readonly_fields

    @admin.display(description=gettext_lazy("secret"))
    def secret(self, key: ApiKey) -> str:
        return f"{key.prefix}…{key.hint}"

    @admin.display(description=gettext_lazy("owner"))
    def owner(self, key: ApiKey) -> str:
        return str(key.user or key.service_account)

    def write(self, request: HttpRequest, row: ApiKey, values: Mapping[str, Any]) -> ApiKey:
        organization = values["organization"]
        member = directory.find_member(organization=organization.slug, user=values["owner"])
        with organization_scope(organization.pk):
            issued = keys.issue_key(
                actor=_operator(request, organization),
                owner_id=member.user.public_id,
                name=values["name"],
                role=Role(values["role"]),
                expires_at=values["expires_at"],
            )
        request.issued_secret = issued.secret  # type: ignore[attr-defined]  # for the answer to this very request
        return issued.key

    def response_add(
        self, request: Any, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The secret on a page of its own: a message would travel in a cookie first. The admin's pages are never stored."""
        context = {
            **self.admin_site.each_context(request),
            "title": obj.name,
            "secret": request.issued_secret,
        }
        return render(request, "admin/keys/secret.html", context)

    @admin.action(description=gettext_lazy("Revoke the chosen keys"), permissions=["view"])
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiKey]) -> None:
        """Each in its own organisation; refusals are said, the rest is done."""
        done = 0
        for key in rows.select_related("organization"):
            try:
                with organization_scope(key.organization_id):
                    keys.revoke_key(
                        actor=_operator(request, key.organization), key_id=key.public_id
                    )
                done += 1
            except AppError as error:
                say_refusal(request, error)
        messages.success(request, _("Revoked: %(count)d") % {"count": done})


def _operator(request: Any, organization: Any) -> Actor:
    identity = identity_of_operator(request.user, request.session.session_key or "", organization)
    return Actor(identity, getattr(request, "request_id", ""), getattr(request, "address", ""))
