"""REST: approvals and their policies."""

from __future__ import annotations

from typing import Any

from apps.approvals.permissions import ApprovalsPermission
from tests.doors.place import Place
from tests.doors.rest import Call, Listing, RestDoor
from tests.factories.approvals import make_approval, make_policy
from tests.factories.tenants import actor_of, make_member

VIEW, DECIDE = ApprovalsPermission.VIEW, ApprovalsPermission.DECIDE
MANAGE = ApprovalsPermission.POLICY_MANAGE
LONG = "a" * 1001
NEW = {
    "name": "Champions",
    "kind": "model.promotion",
    "selector": "churn-*",
    "quorum": 2,
    "approvers": [],
    "expires_seconds": 3600,
    "enabled": True,
}
WRONG: dict[str, list[Any]] = {
    "name": ["", "a" * 101, "a\u202eb"],
    "kind": ["", "promotion", "Model.promotion", "a" * 81],
    "selector": ["", "a" * 201, "a\nb"],
    "quorum": [0, -1, 21, 2**62],
    "approvers": [["nobody"], [7], [None]],
    "expires_seconds": [0, 59, 2**62],
}


class TestApprovals(RestDoor):
    calls = (
        Listing("GET", "/api/v1/approvals", VIEW),
        Call("GET", "/api/v1/approvals/{id}", VIEW),
        Call(
            "POST",
            "/api/v1/approvals/{id}/approve",
            DECIDE,
            body={"comment": "right"},
            wrong={"comment": [LONG]},
        ),
        Call(
            "POST",
            "/api/v1/approvals/{id}/reject",
            DECIDE,
            body={"reason": "no"},
            wrong={"reason": ["", " ", LONG, "a\u202eb"]},
        ),
        Call(
            "POST",
            "/api/v1/approvals/{id}/cancel",
            ApprovalsPermission.CANCEL,
            body={"reason": "not now"},
            wrong={"reason": [LONG]},
        ),
    )

    def make(self, place: Place) -> str:
        return str(make_approval(actor_of(make_member(place.organization))).public_id)


class TestPolicies(RestDoor):
    calls = (
        Listing("GET", "/api/v1/approval-policies", VIEW),
        Call("POST", "/api/v1/approval-policies", MANAGE, body=NEW, status=201, wrong=WRONG),
        Call("GET", "/api/v1/approval-policies/{id}", VIEW),
        Call(
            "PATCH",
            "/api/v1/approval-policies/{id}",
            MANAGE,
            body=NEW,
            has_revision=True,
            wrong=WRONG,
        ),
        Call("DELETE", "/api/v1/approval-policies/{id}", MANAGE, status=204),
    )

    def make(self, place: Place) -> str:
        return str(make_policy(place.actor).public_id)
