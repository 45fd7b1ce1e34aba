"""Approvals in GraphQL: the same deeds as REST."""

from __future__ import annotations

from typing import Any

import graphene
from django.db.models import QuerySet

from apps.approvals.enums import Verdict
from apps.approvals.models import ApprovalRequest, Decision, Policy
from apps.approvals.permissions import ApprovalsPermission
from apps.approvals.queries import approvals as queries
from apps.approvals.queries import policies as policy_queries
from apps.approvals.services import decisions, policies, requests
from apps.core.actor import Actor
from apps.core.errors import Invalid
from apps.core.graphql.connections import ConnectionField
from apps.core.graphql.context import actor_of
from apps.core.graphql.fields import HouseField
from apps.core.graphql.mutations import HouseMutation
from apps.core.graphql.types import JSON, DateTime, HouseType, public_id

STATES = ", ".join(queries.STATES)
KIND = "Such as model.promotion."
SEEN = "The hash of the evidence you decide on; STALE when it changed since. Without it: whatever it is now."
REVISION = "The revision the change is based on; STALE when it is no longer the present one."
IDS = graphene.List(graphene.NonNull(graphene.ID), required=True)


class ApprovalPerson(graphene.ObjectType):
    """A user or service account, by the name it had."""

    id = graphene.ID(required=True)
    name = graphene.String(required=True)


class ApprovalSubject(graphene.ObjectType):
    """What a request is about."""

    id = graphene.ID(required=True)
    name = graphene.String(required=True)
    url = graphene.String(description="Where to look at it, within this house.")


class ApprovalChange(graphene.ObjectType):
    label = graphene.String(required=True)
    before = JSON()
    after = JSON()


class ApprovalEvidence(graphene.ObjectType):
    hash = graphene.String(required=True)
    items = graphene.List(graphene.NonNull(JSON), required=True)


class ApprovalDecision(HouseType):
    approver = graphene.Field(ApprovalPerson, required=True)
    verdict = graphene.String(required=True, description=", ".join(Verdict.values))
    comment = graphene.String(required=True)
    evidence_hash = graphene.String(required=True)
    credential = graphene.String(required=True, source="credential_kind")
    lapsed_at = DateTime()
    at = DateTime(required=True)

    @staticmethod
    def resolve_approver(decision: Decision, info: Any) -> Any:
        return {"id": decision.approver_id, "name": decision.approver_name}


class Approval(HouseType):
    """Something somebody wants to do, with what speaks for it."""

    related = {"decisions": "decisions", "given": "decisions"}

    id = public_id()
    kind = graphene.String(required=True)
    subject = graphene.Field(ApprovalSubject, required=True)
    title = graphene.String(required=True)
    consequence = graphene.String(required=True)
    requester = graphene.Field(ApprovalPerson, required=True)
    state = graphene.String(required=True, description=STATES)
    reason = graphene.String(required=True)
    quorum = graphene.Int(required=True)
    given = graphene.Int(required=True)
    approvers = IDS
    changes = graphene.List(graphene.NonNull(ApprovalChange), required=True)
    evidence = graphene.Field(ApprovalEvidence, required=True)
    decisions = graphene.List(graphene.NonNull(ApprovalDecision), required=True)
    expires_at = DateTime(required=True)
    decided_at = DateTime()
    created_at = DateTime(required=True)
    revision = graphene.Int(required=True)

    @staticmethod
    def resolve_subject(request: ApprovalRequest, info: Any) -> Any:
        url = request.subject_url or None
        return {"id": request.subject_id, "name": request.subject_name, "url": url}

    @staticmethod
    def resolve_requester(request: ApprovalRequest, info: Any) -> Any:
        return {"id": request.requester_id, "name": request.requester_name}

    @staticmethod
    def resolve_state(request: ApprovalRequest, info: Any) -> str:
        return request.present_state.value

    @staticmethod
    def resolve_given(request: ApprovalRequest, info: Any) -> int:
        return sum(each.verdict == Verdict.APPROVE for each in request.standing)

    @staticmethod
    def resolve_approvers(request: ApprovalRequest, info: Any) -> list[str]:
        return request.approvers.split()

    @staticmethod
    def resolve_evidence(request: ApprovalRequest, info: Any) -> Any:
        return {"hash": request.evidence_hash, "items": request.evidence}

    @staticmethod
    def resolve_decisions(request: ApprovalRequest, info: Any) -> list[Decision]:
        return list(request.decisions.all())


class ApprovalPolicy(HouseType):
    """What needs approval, by how many, by whom."""

    id = public_id()
    name = graphene.String(required=True)
    kind = graphene.String(required=True)
    selector = graphene.String(required=True)
    quorum = graphene.Int(required=True)
    approvers = IDS
    expires_seconds = graphene.Int()
    enabled = graphene.Boolean(required=True, source="is_enabled")
    revision = graphene.Int(required=True)
    created_at = DateTime(required=True)


class Query(graphene.ObjectType):
    approval = HouseField(
        Approval, required=True, permission=ApprovalsPermission.VIEW, id=graphene.ID(required=True)
    )
    approvals = ConnectionField(
        Approval,
        permission=ApprovalsPermission.VIEW,
        state=graphene.String(description=STATES),
        kind=graphene.String(description=KIND),
        subject=graphene.ID(description="Id of what it is about."),
        mine=graphene.Boolean(description="Whether you asked for it."),
        for_me=graphene.Boolean(description="Whether it waits for your decision."),
    )
    approval_policy = HouseField(
        ApprovalPolicy,
        required=True,
        permission=ApprovalsPermission.VIEW,
        id=graphene.ID(required=True),
    )
    approval_policies = ConnectionField(
        ApprovalPolicy,
        permission=ApprovalsPermission.VIEW,
        kind=graphene.String(description=KIND),
    )

    @staticmethod
    def resolve_approval(root: Any, info: Any, *, id: str) -> ApprovalRequest:  # noqa: A002 - the argument's public name
        return queries.approval(actor=actor_of(info), approval_id=id)

    @staticmethod
    def resolve_approvals(root: Any, info: Any, **asked: Any) -> QuerySet[ApprovalRequest]:
        # What is selected decides what is loaded beside the rows.
        found = queries.visible_approvals(actor=actor_of(info), **asked)
        return found.prefetch_related(None)

    @staticmethod
    def resolve_approval_policy(root: Any, info: Any, *, id: str) -> Policy:  # noqa: A002 - as above
        return policy_queries.policy(actor=actor_of(info), policy_id=id)

    @staticmethod
    def resolve_approval_policies(root: Any, info: Any, **asked: Any) -> QuerySet[Policy]:
        return policy_queries.visible_policies(actor=actor_of(info), **asked)


class ApproveApproval(HouseMutation):
    """Agree; whoever completes the quorum decides."""

    class Meta:
        permission = ApprovalsPermission.DECIDE

    class Arguments:
        id = graphene.ID(required=True)
        comment = graphene.String()
        evidence_hash = graphene.String(description=SEEN)

    approval = graphene.Field(Approval, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> ApproveApproval:
        request = decisions.approve(
            actor=actor,
            approval_id=arguments["id"],
            comment=arguments.get("comment") or "",
            evidence_hash=arguments.get("evidence_hash"),
        )
        return cls(approval=request)


class RejectApproval(HouseMutation):
    """Refuse, with a reason; it ends the request."""

    class Meta:
        permission = ApprovalsPermission.DECIDE

    class Arguments:
        id = graphene.ID(required=True)
        reason = graphene.String(required=True)
        evidence_hash = graphene.String(description=SEEN)

    approval = graphene.Field(Approval, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> RejectApproval:
        request = decisions.reject(
            actor=actor,
            approval_id=arguments["id"],
            reason=arguments["reason"],
            evidence_hash=arguments.get("evidence_hash"),
        )
        return cls(approval=request)


class CancelApproval(HouseMutation):
    """Take back a request of one's own; as an administrator anybody's."""

    class Meta:
        permission = ApprovalsPermission.CANCEL

    class Arguments:
        id = graphene.ID(required=True)
        reason = graphene.String()

    approval = graphene.Field(Approval, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> CancelApproval:
        reason = arguments.get("reason") or ""
        request = requests.cancel(actor=actor, approval_id=arguments["id"], reason=reason)
        return cls(approval=request)


class PolicyTerms(graphene.InputObjectType):
    selector = graphene.String(description="Names it is for: *, churn-*, or one name.")
    quorum = graphene.Int()
    approvers = graphene.List(graphene.NonNull(graphene.ID))
    expires_seconds = graphene.Int(description="Null: the house's own time.")
    enabled = graphene.Boolean()


class CreateApprovalPolicyInput(PolicyTerms):
    name = graphene.String(required=True)
    kind = graphene.String(required=True, description=KIND)


class UpdateApprovalPolicyInput(PolicyTerms):
    name = graphene.String()
    kind = graphene.String()


class CreateApprovalPolicy(HouseMutation):
    class Meta:
        permission = ApprovalsPermission.POLICY_MANAGE

    class Arguments:
        input = CreateApprovalPolicyInput(required=True)

    policy = graphene.Field(ApprovalPolicy, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> CreateApprovalPolicy:
        return cls(policy=policies.create_policy(actor=actor, **_terms(arguments["input"])))


class UpdateApprovalPolicy(HouseMutation):
    """What is not named stays."""

    class Meta:
        permission = ApprovalsPermission.POLICY_MANAGE

    class Arguments:
        id = graphene.ID(required=True)
        input = UpdateApprovalPolicyInput(required=True)
        expected_revision = graphene.Int(description=REVISION)

    policy = graphene.Field(ApprovalPolicy, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> UpdateApprovalPolicy:
        changes = _terms(arguments["input"])
        if not changes:
            raise Invalid.field("input", "must name a field to change", "required")
        policy = policies.update_policy(
            actor=actor,
            policy_id=arguments["id"],
            expected_revision=arguments.get("expected_revision"),
            **changes,
        )
        return cls(policy=policy)


class DeleteApprovalPolicy(HouseMutation):
    """What waits under it goes on waiting."""

    class Meta:
        permission = ApprovalsPermission.POLICY_MANAGE

    class Arguments:
        id = graphene.ID(required=True)

    id = graphene.ID(required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> DeleteApprovalPolicy:
        policies.delete_policy(actor=actor, policy_id=arguments["id"])
        return cls(id=arguments["id"])


class Mutation(graphene.ObjectType):
    approve_approval = ApproveApproval.Field()
    reject_approval = RejectApproval.Field()
    cancel_approval = CancelApproval.Field()
    create_approval_policy = CreateApprovalPolicy.Field()
    update_approval_policy = UpdateApprovalPolicy.Field()
    delete_approval_policy = DeleteApprovalPolicy.Field()


def _terms(given: Any) -> dict[str, Any]:
    """The service's words; null is taken where it means something, for the expiry alone."""
    named = {("is_enabled" if name == "enabled" else name): value for name, value in given.items()}
    for name, value in named.items():
        if value is None and name != "expires_seconds":
            raise Invalid.field(f"input.{name}", "may be left out but not null", "null")
    return named
