"""Approvals for the operator: policies to see, requests to see and, for an operator who is an approver there, to decide.

A decision passes the same service as everywhere: being the operator of the house is no approver grant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from apps.approvals.enums import Verdict
from apps.approvals.models import ApprovalRequest, Decision, Policy
from apps.approvals.queries.standing import operator_at
from apps.approvals.services import decisions
from apps.approvals.services.requests import LONGEST_TEXT
from apps.core.actor import Actor
from apps.core.admin import OperatorAdmin
from apps.core.tenancy import organization_scope

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[ApprovalRequest]
    Inline = admin.TabularInline[Decision, ApprovalRequest]
else:
    ModelForm, Inline = forms.ModelForm, admin.TabularInline  # generic in the stubs alone


class DecisionForm(ModelForm):
    verdict = forms.ChoiceField(
        label=gettext_lazy("Your decision"), choices=[("", "–"), *Verdict.choices]
    )
    comment = forms.CharField(
        label=gettext_lazy("Comment"),
        max_length=LONGEST_TEXT,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Needed when you reject."),
    )
    seen = forms.CharField(widget=forms.HiddenInput)
    """The hash of the evidence on this page."""

    class Meta:
        model = ApprovalRequest
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seen"].initial = self.instance.evidence_hash


class DecisionInline(Inline):
    model = Decision
    extra = 0
    can_delete = False
    fields = ("approver_name", "verdict", "comment", "evidence_hash", "credential_kind", "lapsed_at", "at")  # fmt: skip
    readonly_fields = fields

    def has_add_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: Any, obj: Any = None) -> bool:
        return bool(request.user.is_active and request.user.is_staff)


@admin.register(ApprovalRequest)
class ApprovalRequestAdmin(OperatorAdmin):
    list_display = ("title", "organization", "kind", "state_now", "requester_name", "quorum", "created_at", "expires_at")  # fmt: skip
    list_filter: ClassVar[Any] = (
        "state",
        "kind",
        ("organization", admin.RelatedOnlyFieldListFilter),
    )
    list_select_related = ("organization",)
    search_fields = ("title", "subject_name", "requester_name")
    inlines = (DecisionInline,)
    form: Any = DecisionForm
    shown = (
        "public_id", "organization", "kind", "subject_id", "subject_name", "title", "consequence", "requester_name",
        "changes", "evidence", "evidence_hash", "policy", "quorum", "state_now", "reason", "created_at", "expires_at",
        "decided_at",
    )  # fmt: skip
    readonly_fields = shown

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        is_open = obj is not None and obj.present_state == "pending"
        return is_open and self.has_view_permission(request)

    def get_fields(self, request: Any, obj: Any = None) -> Any:
        may_decide = self.has_change_permission(request, obj)
        return (*self.shown, "verdict", "comment", "seen") if may_decide else self.shown

    @admin.display(description=gettext_lazy("state"))
    def state_now(self, approval: ApprovalRequest) -> str:
        return str(approval.present_state.value)

    def write(
        self, request: HttpRequest, row: ApprovalRequest, values: Mapping[str, Any]
    ) -> ApprovalRequest:
        with organization_scope(row.organization_id):
            seen = {
                "actor": _actor(request, row),
                "approval_id": row.public_id,
                "evidence_hash": values["seen"],
            }
            if values["verdict"] == Verdict.REJECT:
                return decisions.reject(**seen, reason=values["comment"])
            return decisions.approve(**seen, comment=values["comment"])


@admin.register(Policy)
class PolicyAdmin(OperatorAdmin):
    """To look at; an organisation's administrators change them in the console."""

    list_display = ("name", "organization", "kind", "selector", "quorum", "is_enabled", "created_at")  # fmt: skip
    list_filter: ClassVar[Any] = (
        "kind",
        "is_enabled",
        ("organization", admin.RelatedOnlyFieldListFilter),
    )
    list_select_related = ("organization",)
    search_fields = ("name", "selector")
    fields = (*list_display, "approvers", "expires_seconds", "revision")
    readonly_fields = fields


def _actor(request: Any, approval: ApprovalRequest) -> Actor:
    identity = operator_at(request.user, request.session.session_key or "", approval.organization)
    return Actor(identity, getattr(request, "request_id", ""), getattr(request, "address", ""))
