"""Policies, requests and decisions. Columns and constraints only."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.approvals.domain import states
from apps.approvals.enums import ApprovalState, Verdict
from apps.core.actor import CredentialKind
from apps.core.ids import PublicIdField
from apps.core.tenancy import TenantModel

KINDS = [(kind.value, kind.value) for kind in CredentialKind]


class Policy(TenantModel):
    """What needs approval: a kind of deed, on subjects whose name fits the selector."""

    public_id = PublicIdField(prefix="pol")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=80)
    selector = models.CharField(max_length=200, default="*")
    quorum = models.PositiveSmallIntegerField(default=1)
    approvers = models.JSONField(default=list)
    """Public ids of users; empty is anyone with the approver grant."""
    expires_seconds = models.PositiveIntegerField(null=True)
    is_enabled = models.BooleanField(default=True)
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = "policies"
        ordering = ("-pk",)
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "name"), name="approvals_policy_name_once"
            ),
            models.CheckConstraint(condition=Q(quorum__gte=1), name="approvals_policy_quorum"),
        )

    def __str__(self) -> str:
        return self.name


class ApprovalRequest(TenantModel):
    """Something somebody wants to do, with what it changes and what speaks for it."""

    public_id = PublicIdField(prefix="appr")
    kind = models.CharField(max_length=80)
    subject_id = models.CharField(max_length=80)
    subject_name = models.CharField(max_length=255)
    subject_url = models.CharField(max_length=300, blank=True)
    title = models.CharField(max_length=255)
    consequence = models.TextField(blank=True)
    """What happens next when it is approved, in a sentence."""
    requester_id = models.CharField(max_length=80)
    requester_name = models.CharField(max_length=255)
    barred = models.TextField(blank=True)
    """Ids of the people behind it, between blanks: who asked, who made the key, who changed the evidence."""
    changes = models.JSONField(default=list)
    evidence = models.JSONField(default=list)
    payload = models.JSONField(default=dict)
    """The asking app's own, given back to it with the decision and part of the hash."""
    evidence_hash = models.CharField(max_length=64)
    policy = models.JSONField(default=dict)
    """What was demanded when it was asked for; a later change of the policy changes nothing here."""
    quorum = models.PositiveSmallIntegerField()
    approvers = models.TextField(blank=True)
    """Ids of those the policy names, between blanks; empty is anyone with the grant."""
    state = models.CharField(
        max_length=10, choices=ApprovalState.choices, default=ApprovalState.PENDING
    )
    reason = models.CharField(max_length=1000, blank=True)
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "kind", "subject_id"),
                condition=Q(state="pending"),
                name="approvals_request_one_pending",
            ),
            models.CheckConstraint(
                condition=Q(state="pending", decided_at__isnull=True)
                | (~Q(state="pending") & Q(decided_at__isnull=False)),
                name="approvals_request_decided_at",
            ),
        )
        indexes = (
            models.Index(fields=("organization", "-id"), name="approvals_request_by_org"),
            models.Index(
                fields=("expires_at",), condition=Q(state="pending"), name="approvals_request_due"
            ),
        )

    def __str__(self) -> str:
        return self.title

    def state_at(self, now: datetime) -> ApprovalState:
        return states.state_at(ApprovalState(self.state), self.expires_at, now)

    @property
    def present_state(self) -> ApprovalState:
        return self.state_at(timezone.now())

    @property
    def standing(self) -> list[Decision]:
        """Decisions that count, oldest first."""
        return [each for each in self.decisions.all() if each.lapsed_at is None]


class Decision(TenantModel):
    """What one approver said of the evidence they saw. It lapses when that changes, and is kept."""

    public_id = PublicIdField(prefix="dec")
    request = models.ForeignKey(ApprovalRequest, on_delete=models.CASCADE, related_name="decisions")
    approver_id = models.CharField(max_length=80)
    approver_name = models.CharField(max_length=255)
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    comment = models.CharField(max_length=1000, blank=True)
    evidence_hash = models.CharField(max_length=64)
    credential_kind = models.CharField(max_length=10, choices=KINDS)
    credential_id = models.CharField(max_length=80)
    lapsed_at = models.DateTimeField(null=True)
    at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(
                fields=("request", "approver_id"),
                condition=Q(lapsed_at__isnull=True),
                name="approvals_decision_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.approver_name}: {self.verdict}"
