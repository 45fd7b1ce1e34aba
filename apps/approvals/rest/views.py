"""The REST door of approvals. A read's ETag is the hash of the evidence; `If-Match` binds a decision to it."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from apps.approvals.models import ApprovalRequest
from apps.approvals.permissions import ApprovalsPermission
from apps.approvals.queries import approvals as queries
from apps.approvals.rest import examples, serializers
from apps.approvals.services import decisions, requests
from apps.core.asgi.door import Door
from apps.core.errors import Malformed
from apps.core.rest.viewsets import HouseViewSet

_EVIDENCE = re.compile(r'(?:W/)?"([0-9a-f]{64})(?:-[0-9a-f]{12})?"').fullmatch
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description=(
        "The ETag of the read you decide on: 412 when the evidence changed since. Without it, or with `*`, the decision is "
        "on the evidence as it is when it arrives, whether or not you have read it; the decision's `evidence_hash` says "
        "which that was."
    ),
)


class ApprovalViewSet(HouseViewSet):
    doors: ClassVar = {
        "list": Door(ApprovalsPermission.VIEW),
        "retrieve": Door(ApprovalsPermission.VIEW),
        "approve": Door(ApprovalsPermission.DECIDE),
        "reject": Door(ApprovalsPermission.DECIDE),
        "cancel": Door(ApprovalsPermission.CANCEL),
    }
    refusals: ClassVar = {"approve": (412,), "reject": (412,)}
    serializer_class = serializers.ApprovalSerializer
    filterset_class = serializers.ApprovalFilter
    ordering_fields = ("created_at", "expires_at", "kind")

    @extend_schema(summary="What waits for approval, and what was decided", examples=[examples.ONE])
    def list(self, request: Any) -> Response:
        query = request.query_params
        asked: dict[str, Any] = {name: query.get(name) for name in ("state", "kind", "subject")}
        asked |= {name: _FLAGS.get(query.get(name, "").lower()) for name in ("mine", "for_me")}
        return self.page(
            queries.visible_approvals(actor=self.actor, **asked),
            serializers.ApprovalSerializer,
            filterset=serializers.ApprovalFilter,
            ordering=self.ordering_fields,
        )

    @extend_schema(
        summary="One request with its evidence",
        description="Its ETag is the hash of the evidence, for `If-Match` on the decision.",
        examples=[examples.ONE],
    )
    def retrieve(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        return self._one(queries.approval(actor=self.actor, approval_id=id))

    @extend_schema(
        summary="Approve",
        description="Never by whoever asked for it, by any key of theirs. The one who completes the quorum decides.",
        parameters=[IF_MATCH],
        request=serializers.ApproveBody,
        responses=serializers.ApprovalSerializer,
        examples=[examples.COMMENT, examples.APPROVED],
    )
    def approve(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        body = self.read(serializers.ApproveBody)
        decisions.approve(
            actor=self.actor, approval_id=id, evidence_hash=self._seen_evidence(), **body
        )
        return self._one(queries.approval(actor=self.actor, approval_id=id))

    @extend_schema(
        summary="Reject, with a reason",
        description="One rejection ends the request, whatever was approved before.",
        parameters=[IF_MATCH],
        request=serializers.ApprovalRejectBody,
        responses=serializers.ApprovalSerializer,
        examples=[examples.REASON, examples.REJECTED],
    )
    def reject(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        body = self.read(serializers.ApprovalRejectBody)
        decisions.reject(
            actor=self.actor, approval_id=id, evidence_hash=self._seen_evidence(), **body
        )
        return self._one(queries.approval(actor=self.actor, approval_id=id))

    @extend_schema(
        summary="Take a request back",
        description="One's own; as an administrator anybody's.",
        request=serializers.ApprovalCancelBody,
        responses=serializers.ApprovalSerializer,
        examples=[examples.CANCELLED],
    )
    def cancel(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        requests.cancel(
            actor=self.actor, approval_id=id, **self.read(serializers.ApprovalCancelBody)
        )
        return self._one(queries.approval(actor=self.actor, approval_id=id))

    def _one(self, approval: ApprovalRequest) -> Response:
        data = serializers.ApprovalSerializer(approval).data
        return self._answer(data, f'"{approval.evidence_hash}"', 200)

    def _seen_evidence(self) -> str | None:
        header = self.request.META.get("HTTP_IF_MATCH")
        if header is None or header.strip() == "*":
            return None
        match = _EVIDENCE(header.strip())
        if match is None:
            raise Malformed("If-Match must be the ETag of an approval.", code="bad_if_match")
        return match.group(1)
