from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.approvals import topics
from apps.approvals.domain.terms import Terms
from apps.approvals.errors import (
    AlreadyApproved,
    ApprovalEnded,
    ApprovalExpired,
    EvidenceChanged,
    NotAnApprover,
    NotCarriedOut,
    OwnRequest,
)
from apps.approvals.models import ApprovalRequest, Decision
from apps.approvals.queries import approvals as queries
from apps.approvals.services import decisions, expiry, requests
from apps.core import bus
from apps.core.actor import CredentialKind, Role
from apps.core.errors import Invalid, NotFound, PermissionDenied
from apps.core.tenancy import organization_scope
from apps.events.models import AuditEntry
from apps.keys.services import keys
from apps.tenants.models import Membership
from tests.factories.approvals import make_approval
from tests.factories.keys import actor_of_key, make_key
from tests.factories.tenants import actor_of, actor_of_account, make_member, make_service_account


def approve(person, request, **more):
    actor = actor_of(person) if isinstance(person, Membership) else person
    return decisions.approve(actor=actor, approval_id=request.public_id, **more)


def reject(person, request, **more):
    return decisions.reject(
        actor=actor_of(person), approval_id=request.public_id, **{"reason": "no", **more}
    )


def test_one_of_one_decides(asker, approver, facts):
    request = make_approval(actor_of(asker))
    facts.clear()

    approve(approver, request, comment="Looks\r\nright. ", evidence_hash=request.evidence_hash)
    kept, decision = ApprovalRequest.objects.get(), Decision.objects.get()

    assert (kept.state, kept.decided_at is None, kept.revision) == ("approved", False, 2)
    assert (decision.approver_id, decision.approver_name) == (
        approver.user.public_id,
        approver.user.name,
    )
    assert (decision.verdict, decision.comment) == ("approve", "Looks\nright.")
    assert decision.evidence_hash == request.evidence_hash
    assert (decision.credential_kind, decision.credential_id) == (
        "jwt",
        f"jwt_of_{approver.public_id}",
    )
    (fact,) = facts
    assert (fact.topic, fact.data["payload"]) == (topics.REQUEST_APPROVED, request.payload)
    assert (fact.data["given"], fact.data["quorum"]) == (1, 1)


def test_a_quorum_of_two_takes_two_people(asker, approver, second, facts):
    request = make_approval(actor_of(asker), quorum=2)
    facts.clear()

    approve(approver, request)
    with pytest.raises(AlreadyApproved):
        approve(actor_of(approver, CredentialKind.SESSION), request)
    between = ApprovalRequest.objects.get().state
    approve(second, request)

    assert (between, ApprovalRequest.objects.get().state) == ("pending", "approved")
    assert [each.topic for each in facts] == [topics.REQUEST_ENDORSED, topics.REQUEST_APPROVED]


def test_one_rejection_ends_it_whatever_was_approved(asker, approver, second, facts):
    request = make_approval(actor_of(asker), quorum=3)
    approve(approver, request)

    reject(second, request, reason="Recall fell.")
    kept = ApprovalRequest.objects.get()

    assert (kept.state, kept.reason) == ("rejected", "Recall fell.")
    assert facts[-1].topic == topics.REQUEST_REJECTED
    for deed in (approve, reject):
        with pytest.raises(ApprovalEnded):
            deed(make_member(request.organization, is_approver=True), request)


def test_who_approved_may_think_better_of_it(asker, approver):
    request = make_approval(actor_of(asker), quorum=2)
    approve(approver, request)

    reject(approver, request)

    assert ApprovalRequest.objects.get().state == "rejected"
    assert [(each.verdict, each.lapsed_at is None) for each in Decision.objects.all()] == [
        ("approve", False),
        ("reject", True),
    ]


@pytest.mark.parametrize("reason", ["", "  \n ", "a" * 1001, "a\x00b", "a\u202eb"])
def test_a_rejection_needs_a_readable_reason(reason, asker, approver):
    request = make_approval(actor_of(asker))

    with pytest.raises(Invalid) as refused:
        reject(approver, request, reason=reason)

    assert [each.field for each in refused.value.fields] == ["reason"]
    assert ApprovalRequest.objects.get().state == "pending"


# ---------------------------------------------------------------- who may not


def test_nobody_decides_on_their_own_request_by_any_credential(asker, organization):
    request = make_approval(actor_of(asker))
    credentials = [
        actor_of(asker, CredentialKind.JWT),
        actor_of(asker, CredentialKind.SESSION),
        actor_of_key(make_key(asker, is_approver=True).secret),
        actor_of_key(make_key(asker, is_approver=True).secret),
    ]

    for actor in credentials:
        with pytest.raises(OwnRequest):
            decisions.approve(actor=actor, approval_id=request.public_id)
        with pytest.raises(OwnRequest):
            decisions.reject(actor=actor, approval_id=request.public_id, reason="no")
    account = make_service_account(organization, created_by=asker.user)
    with pytest.raises(PermissionDenied):  # no service account ever holds the grant
        approve(actor_of_account(account), request)

    assert (ApprovalRequest.objects.get().state, Decision.objects.count()) == ("pending", 0)


def test_who_made_a_service_account_does_not_decide_what_it_asks(asker, approver, organization):
    account = make_service_account(organization, created_by=asker.user)
    request = make_approval(actor_of_key(make_key(account).secret))

    with pytest.raises(OwnRequest):
        approve(asker, request)

    assert approve(approver, request).state == "approved"


def test_who_makes_the_account_a_key_later_is_barred_too(asker, approver, organization):
    account = make_service_account(organization, created_by=asker.user)
    request = make_approval(actor_of_key(make_key(account).secret))
    later = make_key(account).key
    type(later).objects.filter(pk=later.pk).update(created_by=approver.user)

    with pytest.raises(OwnRequest):
        approve(approver, request)


@pytest.mark.parametrize("role", [Role.USER, Role.VIEWER, Role.ADMIN])
def test_without_the_grant_no_role_decides(role, asker, organization):
    request = make_approval(actor_of(asker))

    with pytest.raises(PermissionDenied) as refused:
        approve(make_member(organization, role), request)

    assert refused.value.data == {"permission": "approvals.request.decide"}


def test_a_key_carries_the_grant_only_if_it_was_given_to_it(asker, approver):
    request = make_approval(actor_of(asker))

    with pytest.raises(PermissionDenied):
        approve(actor_of_key(make_key(approver).secret), request)
    by_key = actor_of_key(make_key(approver, is_approver=True).secret)

    assert approve(by_key, request).state == "approved"
    assert Decision.objects.get().credential_kind == "key"


def test_a_grant_lost_between_request_and_click_is_lost(asker, approver):
    request = make_approval(actor_of(asker))
    remembered = actor_of(approver)
    Membership.objects.filter(pk=approver.pk).update(is_approver=False)

    with pytest.raises(PermissionDenied):
        approve(remembered, request)
    with pytest.raises(PermissionDenied):
        decisions.reject(actor=remembered, approval_id=request.public_id, reason="no")


def _lose_the_grant(person):
    Membership.objects.filter(pk=person.pk).update(is_approver=False)


def _leave(person):
    person.delete()


def _be_switched_off(person):
    type(person.user).objects.filter(pk=person.user_id).update(is_active=False)


def _be_barred(person):
    ApprovalRequest.objects.update(barred=person.user.public_id)


@pytest.mark.parametrize("lose", [_lose_the_grant, _leave, _be_switched_off, _be_barred])
def test_a_quorum_counts_those_alone_who_could_still_approve(lose, asker, approver, second, facts):
    request = make_approval(actor_of(asker), quorum=2)
    third = make_member(request.organization, is_approver=True)
    approve(approver, request)
    lose(approver)

    approve(second, request)
    between = ApprovalRequest.objects.get(pk=request.pk).state
    given = facts[-1].data["given"]
    approve(third, request)

    assert (between, given, ApprovalRequest.objects.get(pk=request.pk).state) == (
        "pending",
        1,
        "approved",
    )
    assert [each.lapsed_at is None for each in Decision.objects.order_by("pk")] == [
        False,
        True,
        True,
    ]


def test_an_approval_outlives_the_key_it_was_given_by(asker, approver, second):
    request = make_approval(actor_of(asker), quorum=2)
    key = make_key(approver, is_approver=True)
    approve(actor_of_key(key.secret), request)
    keys.revoke_key(actor=actor_of(approver), key_id=key.key.public_id)

    assert approve(second, request).state == "approved"


def test_who_was_removed_or_whose_key_ended_does_not_decide(asker, approver, second):
    request = make_approval(actor_of(asker))
    key = make_key(approver, is_approver=True)
    by_key, in_person = actor_of_key(key.secret), actor_of(second)
    keys.revoke_key(actor=actor_of(approver), key_id=key.key.public_id)
    second.delete()

    for actor in (by_key, in_person):
        with pytest.raises(PermissionDenied):
            approve(actor, request)


def test_named_approvers_alone_decide(asker, approver, second):
    request = make_approval(actor_of(asker), terms=Terms(approvers=(second.user.public_id,)))

    with pytest.raises(NotAnApprover):
        approve(approver, request)

    assert approve(second, request).state == "approved"


# ---------------------------------------------------------------- evidence and time


def test_evidence_that_changed_since_is_not_decided_on(asker, approver):
    request = make_approval(actor_of(asker))
    requests.renew_evidence(actor=None, approval_id=request.public_id, evidence=[])

    with pytest.raises(EvidenceChanged):
        approve(approver, request, evidence_hash=request.evidence_hash)
    with pytest.raises(EvidenceChanged):
        reject(approver, request, evidence_hash=request.evidence_hash)

    assert (ApprovalRequest.objects.get().state, Decision.objects.count()) == ("pending", 0)


@pytest.mark.parametrize("deed", [approve, reject])
def test_what_is_overdue_expires_at_the_click(deed, asker, approver, facts):
    request = make_approval(actor_of(asker))
    ApprovalRequest.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    for _ in range(2):
        with pytest.raises(ApprovalExpired):
            deed(approver, request)

    assert ApprovalRequest.objects.get().state == "expired"
    assert [each.topic for each in facts] == [topics.REQUEST_CREATED, topics.REQUEST_EXPIRED]


def test_expire_due_expires_everywhere_once(asker, stranger, facts):
    due, foreign = make_approval(actor_of(asker)), make_approval(actor_of(stranger))
    waiting = make_approval(actor_of(asker))
    past = timezone.now() - timedelta(seconds=1)
    for request in (due, foreign):
        with organization_scope(request.organization_id):
            ApprovalRequest.objects.filter(pk=request.pk).update(expires_at=past)
    before = queries.approval(actor=actor_of(asker), approval_id=due.public_id).present_state
    facts.clear()

    assert (before, expiry.expire_due(), expiry.expire_due()) == ("expired", 2, 0)
    assert [(each.topic, each.object_id, each.actor) for each in facts] == [
        (topics.REQUEST_EXPIRED, due.public_id, None),
        (topics.REQUEST_EXPIRED, foreign.public_id, None),
    ]
    waiting.refresh_from_db()
    assert waiting.state == "pending"


# ---------------------------------------------------------------- other apps


@pytest.fixture
def receiver() -> Iterator[list[bus.Fact]]:
    """Another app's receiver, thrown away after the test; it fails while `failing` stands in its list."""
    heard: list[bus.Fact] = []
    known = {topic: list(each) for topic, each in bus._receivers.items()}

    @bus.receives(topics.REQUEST_APPROVED)
    @bus.receives(topics.REQUEST_EXPIRED)
    def promote(fact: bus.Fact) -> None:
        if fact.data["payload"].get("fails"):
            raise RuntimeError("the version is gone")
        if fact.data["payload"].get("refuses"):
            raise NotFound("Version 4 is gone.")
        heard.append(fact)

    yield heard
    bus._receivers.clear()
    bus._receivers.update(known)


def test_a_receiver_acts_in_the_decisions_transaction(asker, approver, receiver):
    request = make_approval(actor_of(asker), payload={"version": 4})

    approve(approver, request)

    (fact,) = receiver
    assert (fact.object_id, fact.data["payload"]) == (request.public_id, {"version": 4})
    assert fact.data["subject"]["id"] == request.subject_id


def test_a_receiver_that_fails_takes_the_decision_back(asker, approver, receiver):
    request = make_approval(actor_of(asker), payload={"fails": True})

    with pytest.raises(RuntimeError):
        approve(approver, request)

    assert (ApprovalRequest.objects.get().state, Decision.objects.count()) == ("pending", 0)
    assert list(AuditEntry.objects.values_list("action", flat=True)) == [topics.REQUEST_CREATED]


def test_a_receivers_refusal_is_told_as_a_conflict(asker, approver, receiver):
    request = make_approval(actor_of(asker), payload={"refuses": True})

    with pytest.raises(NotCarriedOut) as refused:
        approve(approver, request)

    assert refused.value.message == "It cannot be carried out: Version 4 is gone."
    assert (ApprovalRequest.objects.get().state, Decision.objects.count()) == ("pending", 0)


def test_one_failing_expiry_holds_up_no_other(asker, receiver):
    failing = make_approval(actor_of(asker), payload={"fails": True})
    fine = make_approval(actor_of(asker))
    ApprovalRequest.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert expiry.expire_due() == 1
    failing.refresh_from_db()
    fine.refresh_from_db()
    assert (failing.state, fine.state) == ("pending", "expired")


def test_decisions_are_in_the_audit_trail_with_the_hash(asker, approver):
    request = make_approval(actor_of(asker))
    approve(approver, request)

    entry = AuditEntry.objects.get(action=topics.REQUEST_APPROVED)

    assert (entry.actor_id, entry.object_id) == (approver.user.public_id, request.public_id)
    assert entry.after["evidence_hash"] == request.evidence_hash
