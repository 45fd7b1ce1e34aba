"""The shapes of approvals and policies: what callers may send, what they get."""

from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.approvals.enums import Verdict
from apps.approvals.models import ApprovalRequest, Policy
from apps.approvals.queries.approvals import STATES
from apps.approvals.services.requests import LONGEST_TEXT
from apps.core.rest.fields import FlagField, WholeNumberField
from apps.core.rest.serializers import BodySerializer, ReadSerializer
from apps.core.rest.text import CleanCharField


class NoteField(serializers.CharField):
    """Some lines of text, and no other type; the service looks at what they hold."""

    default_error_messages = {"type": "must be a string"}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("type")
        return super().to_internal_value(data)


class ApproveBody(BodySerializer):
    comment = NoteField(required=False, allow_blank=True, max_length=LONGEST_TEXT)


class ApprovalRejectBody(BodySerializer):
    reason = NoteField(max_length=LONGEST_TEXT, help_text="Whoever asked reads it.")


class ApprovalCancelBody(BodySerializer):
    reason = NoteField(required=False, allow_blank=True, max_length=LONGEST_TEXT)


class ApprovalPersonSerializer(ReadSerializer):
    id = serializers.CharField()
    name = serializers.CharField()


class ApprovalSubjectSerializer(ApprovalPersonSerializer):
    url = serializers.CharField(
        allow_null=True, help_text="Where to look at it, within this house."
    )


class ApprovalUnderPolicySerializer(ReadSerializer):
    id = serializers.CharField(allow_null=True)
    name = serializers.CharField()


class ApprovalChangeSerializer(ReadSerializer):
    label = serializers.CharField()  # type: ignore[assignment]  # a field of the answer, not of the field
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class ApprovalEvidenceSerializer(ReadSerializer):
    hash = serializers.CharField(
        help_text="The ETag; name it in `If-Match` to decide on this and nothing else."
    )
    items = serializers.ListField(child=serializers.DictField())


class ApprovalDecisionSerializer(ReadSerializer):
    approver = ApprovalPersonSerializer()
    verdict = serializers.ChoiceField(choices=Verdict.values)
    comment = serializers.CharField()
    evidence_hash = serializers.CharField()
    credential = serializers.CharField(source="credential_kind")
    lapsed_at = serializers.DateTimeField(
        allow_null=True,
        help_text="When the evidence changed, or the approver thought better of it.",
    )
    at = serializers.DateTimeField()

    @staticmethod
    def get_approver(decision: Any) -> ApprovalPersonSerializer:
        return {"id": decision.approver_id, "name": decision.approver_name}  # type: ignore[return-value]  # the annotation is the documented shape


class ApprovalSerializer(ReadSerializer):
    id = serializers.CharField(source="public_id")
    kind = serializers.CharField()
    subject = serializers.SerializerMethodField()
    title = serializers.CharField()
    consequence = serializers.CharField(help_text="What happens when it is approved.")
    requester = serializers.SerializerMethodField()
    state = serializers.ChoiceField(choices=STATES, source="present_state")
    reason = serializers.CharField(help_text="Why it was rejected, cancelled or declared void.")
    quorum = serializers.IntegerField()
    given = serializers.SerializerMethodField()
    approvers = serializers.SerializerMethodField()
    policy = serializers.SerializerMethodField()
    changes = ApprovalChangeSerializer(many=True)
    evidence = serializers.SerializerMethodField()
    decisions = serializers.SerializerMethodField()
    expires_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    revision = serializers.IntegerField()

    @staticmethod
    def get_subject(request: ApprovalRequest) -> ApprovalSubjectSerializer:
        return {  # type: ignore[return-value]  # the annotation is the documented shape, here and below
            "id": request.subject_id,
            "name": request.subject_name,
            "url": request.subject_url or None,
        }

    @staticmethod
    def get_requester(request: ApprovalRequest) -> ApprovalPersonSerializer:
        return {"id": request.requester_id, "name": request.requester_name}  # type: ignore[return-value]  # as above

    @staticmethod
    def get_given(request: ApprovalRequest) -> int:
        return sum(each.verdict == Verdict.APPROVE for each in request.standing)

    @staticmethod
    def get_approvers(request: ApprovalRequest) -> list[str]:
        return request.approvers.split()

    @staticmethod
    def get_policy(request: ApprovalRequest) -> ApprovalUnderPolicySerializer:
        return {"id": request.policy.get("id"), "name": request.policy.get("name", "")}  # type: ignore[return-value]  # as above

    @staticmethod
    def get_changes(request: ApprovalRequest) -> list[dict[str, Any]]:
        empty = {"before": None, "after": None}
        return [{**empty, **change} for change in request.changes]

    @staticmethod
    def get_evidence(request: ApprovalRequest) -> ApprovalEvidenceSerializer:
        return {"hash": request.evidence_hash, "items": request.evidence}  # type: ignore[return-value]  # as above

    @staticmethod
    @extend_schema_field(ApprovalDecisionSerializer(many=True))
    def get_decisions(request: ApprovalRequest) -> list[dict[str, Any]]:
        represent = ApprovalDecisionSerializer().to_representation
        return [represent(each) for each in request.decisions.all()]


class ApprovalPolicySerializer(ReadSerializer):
    id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    kind = serializers.CharField()
    selector = serializers.CharField()
    quorum = serializers.IntegerField()
    approvers = serializers.ListField(child=serializers.CharField())
    expires_seconds = serializers.IntegerField(allow_null=True)
    enabled = serializers.BooleanField(source="is_enabled")
    revision = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class PolicyTerms(BodySerializer):
    selector = CleanCharField(
        required=False, max_length=200, help_text="Names it is for: `*`, `churn-*`, or one name."
    )
    quorum = WholeNumberField(required=False, help_text="How many have to approve; 1 by default.")
    approvers = serializers.ListField(
        child=CleanCharField(),
        required=False,
        help_text="Ids of users; none named: anyone with the approver grant. They need the grant all the same.",
    )
    expires_seconds = WholeNumberField(
        required=False,
        allow_null=True,
        help_text="How long a request waits; null: the house's own time.",
    )
    enabled = FlagField(required=False, source="is_enabled")


class ApprovalPolicyBody(PolicyTerms):
    name = CleanCharField(max_length=100)
    kind = CleanCharField(
        max_length=80, help_text="`model.promotion`, `rollout.start`, `rollout.stage`"
    )


class ApprovalPolicyChangeBody(PolicyTerms):
    name = CleanCharField(max_length=100, required=False)
    kind = CleanCharField(max_length=80, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError(
                {"body": ["must name a field to change"]}, code="required"
            )
        return attrs


class ApprovalFilter(django_filters.FilterSet):
    """Names the filters and their values; what they mean is the query's."""

    state = django_filters.ChoiceFilter(choices=[(state, state) for state in STATES])
    kind = django_filters.CharFilter(label="Such as `model.promotion`.")
    subject = django_filters.CharFilter(label="Id of what it is about.")
    mine = django_filters.BooleanFilter(label="Whether you asked for it.")
    for_me = django_filters.BooleanFilter(label="Whether it waits for your decision.")

    class Meta:
        model = ApprovalRequest
        fields = ()

    def filter_queryset(self, queryset: Any) -> Any:
        return queryset


class PolicyFilter(django_filters.FilterSet):
    kind = django_filters.CharFilter(label="Such as `model.promotion`.")

    class Meta:
        model = Policy
        fields = ()

    def filter_queryset(self, queryset: Any) -> Any:
        return queryset
