"""The REST door of policies."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from apps.approvals.permissions import ApprovalsPermission
from apps.approvals.queries import policies as queries
from apps.approvals.rest import examples, serializers
from apps.approvals.services import policies
from apps.core.asgi.door import Door
from apps.core.rest.viewsets import HouseViewSet


class PolicyViewSet(HouseViewSet):
    doors: ClassVar = {
        "list": Door(ApprovalsPermission.VIEW),
        "create": Door(ApprovalsPermission.POLICY_MANAGE),
        "retrieve": Door(ApprovalsPermission.VIEW),
        "partial_update": Door(ApprovalsPermission.POLICY_MANAGE),
        "destroy": Door(ApprovalsPermission.POLICY_MANAGE),
    }
    serializer_class = serializers.ApprovalPolicySerializer
    filterset_class = serializers.PolicyFilter
    ordering_fields = ("name", "kind", "created_at")

    @extend_schema(summary="What needs approval", examples=[examples.ONE_POLICY])
    def list(self, request: Any) -> Response:
        return self.page(
            queries.visible_policies(actor=self.actor, kind=request.query_params.get("kind")),
            serializers.ApprovalPolicySerializer,
            filterset=serializers.PolicyFilter,
            ordering=self.ordering_fields,
        )

    @extend_schema(
        summary="Ask for approval of a kind of deed",
        request=serializers.ApprovalPolicyBody,
        responses={201: serializers.ApprovalPolicySerializer},
        examples=[examples.NEW_POLICY, examples.ONE_POLICY],
    )
    def create(self, request: Any) -> Response:
        policy = policies.create_policy(
            actor=self.actor, **self.read(serializers.ApprovalPolicyBody)
        )
        return self.present(policy, serializers.ApprovalPolicySerializer, status=201)

    @extend_schema(summary="One policy", examples=[examples.ONE_POLICY])
    def retrieve(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        return self.present(
            queries.policy(actor=self.actor, policy_id=id), serializers.ApprovalPolicySerializer
        )

    @extend_schema(
        summary="Change a policy",
        description="What waits already keeps the terms it was asked under.",
        request=serializers.ApprovalPolicyChangeBody,
        responses=serializers.ApprovalPolicySerializer,
        examples=[examples.ONE_POLICY],
    )
    def partial_update(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        policy = policies.update_policy(
            actor=self.actor,
            policy_id=id,
            expected_revision=self.expected_revision(),
            **self.read(serializers.ApprovalPolicyChangeBody),
        )
        return self.present(policy, serializers.ApprovalPolicySerializer)

    @extend_schema(summary="Remove a policy", responses={204: None})
    def destroy(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        policies.delete_policy(actor=self.actor, policy_id=id)
        return self.nothing()
