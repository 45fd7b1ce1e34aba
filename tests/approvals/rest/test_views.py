from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.approvals.models import ApprovalRequest
from apps.approvals.services import decisions, requests
from apps.tenants.models import Membership
from tests.client import Answer, GateClient
from tests.factories.approvals import CHANGES, EVIDENCE, make_approval, make_policy
from tests.factories.tenants import actor_of, log_in

pytestmark = pytest.mark.django_db


class Desk:
    """Calls by members who logged in."""

    def __init__(self) -> None:
        self._client = GateClient(address="192.0.2.1")
        self._tokens: dict[int, str] = {}

    def __call__(self, method: str, path: str, by: Membership, **kwargs: Any) -> Answer:
        if by.pk not in self._tokens:
            self._tokens[by.pk] = log_in(by).access
        return self._client.call(method, f"/api/v1/{path}", key=self._tokens[by.pk], **kwargs)

    def listed(self, query: str, by: Membership) -> list[str]:
        return [row["id"] for row in self("GET", f"approvals{query}", by).json()["data"]]


@pytest.fixture
def desk(db: None) -> Desk:
    return Desk()


def test_one_shows_what_changes_on_which_evidence(desk, asker, viewer):
    request = make_approval(actor_of(asker), quorum=2)

    answer = desk("GET", f"approvals/{request.public_id}", viewer)

    body = answer.json()
    assert answer.headers["etag"].startswith(f'"{request.evidence_hash}-')
    moments = {body.pop(name) for name in ("created_at", "expires_at")}
    assert all(each.endswith("Z") for each in moments)
    assert body == {
        "id": request.public_id,
        "kind": "demo.promotion",
        "subject": {"id": request.subject_id, "name": "churn-predictor", "url": None},
        "title": request.title,
        "consequence": "Version 4 answers every prediction.",
        "requester": {"id": asker.user.public_id, "name": asker.user.name},
        "state": "pending",
        "reason": "",
        "quorum": 2,
        "given": 0,
        "approvers": [],
        "policy": {"id": None, "name": ""},
        "changes": CHANGES,
        "evidence": {"hash": request.evidence_hash, "items": EVIDENCE},
        "decisions": [],
        "decided_at": None,
        "revision": 1,
    }


def test_approving_answers_the_request_as_it_is_then(desk, asker, approver):
    request = make_approval(actor_of(asker))
    etag = desk("GET", f"approvals/{request.public_id}", approver).headers["etag"]

    answer = desk(
        "POST",
        f"approvals/{request.public_id}/approve",
        approver,
        body={"comment": "right"},
        headers={"If-Match": etag},
    )

    body = answer.json()
    assert (answer.status, answer.headers["etag"]) == (200, f'"{request.evidence_hash}"')
    assert (body["state"], body["given"], body["revision"]) == ("approved", 1, 2)
    (decision,) = body["decisions"]
    assert decision.pop("at").endswith("Z")
    assert decision == {
        "approver": {"id": approver.user.public_id, "name": approver.user.name},
        "verdict": "approve",
        "comment": "right",
        "evidence_hash": request.evidence_hash,
        "credential": "jwt",
        "lapsed_at": None,
    }


def test_an_empty_body_approves(desk, asker, approver):
    request = make_approval(actor_of(asker))

    answer = desk("POST", f"approvals/{request.public_id}/approve", approver)

    assert (answer.status, answer.json()["state"]) == (200, "approved")


@pytest.mark.parametrize(("deed", "body"), [("approve", {}), ("reject", {"reason": "no"})])
def test_stale_evidence_is_412(deed, body, desk, asker, approver):
    request = make_approval(actor_of(asker))
    etag = desk("GET", f"approvals/{request.public_id}", approver).headers["etag"]
    requests.renew_evidence(actor=None, approval_id=request.public_id, evidence=[])

    path = f"approvals/{request.public_id}/{deed}"
    stale = desk("POST", path, approver, body=body, headers={"If-Match": etag})
    strange = desk("POST", path, approver, body=body, headers={"If-Match": '"r1"'})

    assert (stale.status, stale.error) == (412, "evidence_changed")
    assert (strange.status, strange.error) == (400, "bad_if_match")
    assert ApprovalRequest.objects.get().state == "pending"


@pytest.mark.parametrize("headers", [{}, {"If-Match": "*"}])
def test_without_if_match_a_decision_is_on_what_there_is_now(headers, desk, asker, approver):
    request = make_approval(actor_of(asker))
    renewed = requests.renew_evidence(actor=None, approval_id=request.public_id, evidence=[])

    answer = desk("POST", f"approvals/{request.public_id}/approve", approver, headers=headers)

    (decision,) = answer.json()["decisions"]
    assert (answer.status, decision["evidence_hash"]) == (200, renewed.evidence_hash)
    assert renewed.evidence_hash != request.evidence_hash


def test_refusals_have_their_statuses(desk, asker, approver, second, viewer, admin, stranger):
    request = make_approval(actor_of(asker))
    path = f"approvals/{request.public_id}/approve"

    refused = {
        name: desk("POST", path, person)
        for name, person in {
            "asker": asker,
            "viewer": viewer,
            "admin": admin,
            "stranger": stranger,
        }.items()
    }
    no_reason = desk("POST", f"approvals/{request.public_id}/reject", approver, body={})
    desk("POST", f"approvals/{request.public_id}/reject", approver, body={"reason": "no"})
    late = desk("POST", path, second)

    assert {name: (each.status, each.error) for name, each in refused.items()} == {
        "asker": (403, "own_request"),
        "viewer": (403, "permission_denied"),
        "admin": (403, "permission_denied"),
        "stranger": (404, "not_found"),
    }
    assert (no_reason.status, no_reason.json()["invalid_fields"]) == (422, ["reason"])
    assert (late.status, late.error) == (409, "approval_ended")


def test_an_expired_request_is_409_and_reads_as_expired(desk, asker, approver):
    request = make_approval(actor_of(asker))
    ApprovalRequest.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    read = desk("GET", f"approvals/{request.public_id}", approver).json()["state"]
    answer = desk("POST", f"approvals/{request.public_id}/approve", approver)

    assert read == "expired"
    assert (answer.status, answer.error) == (409, "approval_expired")


def test_list_filters(desk, asker, approver, viewer, stranger):
    make_approval(actor_of(stranger))
    ids = [make_approval(actor_of(asker)).public_id for _ in range(3)]
    own = make_approval(actor_of(approver), kind="rollout.start", subject_id="wf_1").public_id
    reply = {"actor": actor_of(approver), "approval_id": ids[0]}
    decisions.approve(**reply)
    ApprovalRequest.objects.filter(public_id=ids[1]).update(
        expires_at=timezone.now() - timedelta(seconds=1)
    )

    asked = {
        "": [own, ids[2], ids[1], ids[0]],
        "?state=pending": [own, ids[2]],
        "?state=approved": [ids[0]],
        "?state=expired": [ids[1]],
        "?kind=rollout.start": [own],
        "?subject=wf_1": [own],
        "?mine=true": [own],
        "?mine=false": [ids[2], ids[1], ids[0]],
        "?for_me=true": [ids[2]],
        "?for_me=true&kind=rollout.start": [],
        "?for_me=false": [own, ids[1], ids[0]],
    }

    assert {query: desk.listed(query, approver) for query in asked} == asked
    assert desk.listed("?for_me=true", viewer) == []
    assert desk("GET", "approvals?state=lost", viewer).json()["invalid_fields"] == ["state"]


def test_for_me_leaves_out_what_i_approved_and_what_names_others(desk, asker, approver, second):
    approved = make_approval(actor_of(asker), quorum=2)
    decisions.approve(actor=actor_of(approver), approval_id=approved.public_id)
    policy = make_policy_naming(second, asker)
    named = make_approval(actor_of(asker), terms=None)

    assert named.policy["id"] == policy
    assert desk.listed("?for_me=true", approver) == []
    assert desk.listed("?for_me=true", second) == [named.public_id, approved.public_id]


def make_policy_naming(person: Membership, near: Membership) -> str:
    from tests.factories.tenants import make_admin  # noqa: PLC0415 - of this one helper

    admin = actor_of(make_admin(near.organization))
    return str(make_policy(admin, approvers=[person.user.public_id]).public_id)


def test_policies_are_made_and_changed_by_administrators(desk, admin, viewer, approver):
    body = {
        "name": "Champions",
        "kind": "demo.promotion",
        "approvers": [approver.user.public_id],
    }

    made = desk("POST", "approval-policies", admin, body=body)
    taken = desk("POST", "approval-policies", admin, body=body)
    changed = desk(
        "PATCH",
        f"approval-policies/{made.json()['id']}",
        admin,
        body={"expires_seconds": 60, "enabled": False, "approvers": []},
    )
    refused = desk("POST", "approval-policies", viewer, body=body)

    assert (made.status, made.headers["etag"]) == (201, '"r1"')
    policy = changed.json()
    assert policy.pop("created_at").endswith("Z")
    assert policy == {
        "id": made.json()["id"],
        "name": "Champions",
        "kind": "demo.promotion",
        "selector": "*",
        "quorum": 1,
        "approvers": [],
        "expires_seconds": 60,
        "enabled": False,
        "revision": 2,
    }
    assert (taken.status, taken.error) == (409, "name_taken")
    assert refused.status == 403
