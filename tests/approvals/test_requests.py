from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from apps.approvals import topics
from apps.approvals.domain.evidence import hash_of
from apps.approvals.domain.terms import Terms
from apps.approvals.errors import AlreadyPending, ApprovalEnded
from apps.approvals.models import ApprovalRequest, Decision, Policy
from apps.approvals.services import decisions, policies, requests
from apps.core.errors import Invalid, NotFound, PermissionDenied
from tests.factories.approvals import CHANGES, EVIDENCE, KIND, make_approval, make_policy
from tests.factories.keys import actor_of_key, make_key
from tests.factories.tenants import actor_of, make_member, make_service_account


def ask(actor, **values):
    given = {"kind": KIND, "subject_id": "mver_1", "subject_name": "churn", "title": "Promote it"}
    return requests.request_approval(actor=actor, **{**given, **values})


# ---------------------------------------------------------------- asking


def test_without_a_policy_nobody_is_asked(asker, admin, stranger):
    make_policy(actor_of(stranger))
    make_policy(actor_of(admin), kind="rollout.start")
    make_policy(actor_of(admin), selector="fraud-*")
    make_policy(actor_of(admin), is_enabled=False)

    assert ask(actor_of(asker)) is None
    assert ApprovalRequest.objects.count() == 0


def test_a_policy_asks_and_its_terms_are_kept(asker, admin, approver, facts):
    policy = make_policy(
        actor_of(admin),
        selector="chu*",
        approvers=[approver.user.public_id],
        expires_seconds=3600,
    )
    facts.clear()

    request = ask(actor_of(asker), changes=CHANGES, evidence=EVIDENCE, payload={"version": 4})
    policies.update_policy(actor=actor_of(admin), policy_id=policy.public_id, approvers=[])
    kept = ApprovalRequest.objects.get()

    assert kept.policy == {
        "id": policy.public_id,
        "name": policy.name,
        "quorum": 1,
        "approvers": [approver.user.public_id],
        "expires_seconds": 3600,
    }
    assert (kept.approvers, kept.expires_at - kept.created_at) == (
        approver.user.public_id,
        timedelta(hours=1),
    )
    assert kept.requester_id == asker.user.public_id
    assert kept.evidence_hash == hash_of(
        kind=KIND, subject="mver_1", changes=CHANGES, evidence=EVIDENCE, payload={"version": 4}
    )
    assert [(each.topic, each.object_id) for each in facts[:1]] == [
        (topics.REQUEST_CREATED, request.public_id)
    ]
    assert facts[0].data["payload"] == {"version": 4}


def test_terms_ask_without_a_policy_for_the_houses_time(asker):
    request = ask(actor_of(asker), terms=Terms(quorum=2))

    assert request is not None
    assert (request.quorum, request.policy["id"]) == (2, None)
    assert request.expires_at - request.created_at == timedelta(days=7)


def test_the_house_decides_how_long_by_setting(asker, settings):
    settings.SIGNALBOX_APPROVAL_LIFE = timedelta(days=2)

    request = ask(actor_of(asker), terms=Terms())

    assert request.expires_at - request.created_at == timedelta(days=2)


def test_terms_name_members_alone(asker, stranger):
    with pytest.raises(NotFound):
        ask(actor_of(asker), terms=Terms(approvers=(stranger.user.public_id,)))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"kind": "promotion"}, "kind"),
        ({"title": ""}, "title"),
        ({"title": "a\u202eb"}, "title"),
        ({"terms": Terms(quorum=0)}, "quorum"),
        ({"terms": Terms(expires_seconds=1)}, "expires_seconds"),
        ({"terms": Terms(approvers=("ada",))}, "approvers.0"),
        ({"payload": []}, "payload"),
    ],
)
def test_wrong_asking_names_its_field(wrong, field, asker):
    with pytest.raises(Invalid) as refused:
        ask(actor_of(asker), **{"terms": Terms(), **wrong})

    assert [each.field for each in refused.value.fields] == [field]


def test_the_same_is_asked_once_at_a_time(asker, approver):
    first = ask(actor_of(asker), terms=Terms())
    with pytest.raises(AlreadyPending):
        ask(actor_of(asker), terms=Terms())
    requests.cancel(actor=actor_of(asker), approval_id=first.public_id)

    assert ask(actor_of(asker), terms=Terms()).pk != first.pk


def test_an_overdue_request_makes_room_for_another(asker, facts):
    first = ask(actor_of(asker), terms=Terms())
    ApprovalRequest.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    again = ask(actor_of(asker), terms=Terms())
    first.refresh_from_db()

    assert (first.state, again.state) == ("expired", "pending")
    assert [each.topic for each in facts] == [
        topics.REQUEST_CREATED,
        topics.REQUEST_EXPIRED,
        topics.REQUEST_CREATED,
    ]


def test_asking_stands_or_falls_with_the_deed(asker):
    with transaction.atomic():
        ask(actor_of(asker), terms=Terms())
        transaction.set_rollback(True)

    assert ApprovalRequest.objects.count() == 0


@pytest.mark.parametrize(
    "who", ["person", "own key", "key of an administrator's making", "account"]
)
def test_everybody_behind_the_asker_is_barred(who, asker, admin, approver, organization):
    account = make_service_account(organization, created_by=approver.user)
    if who == "person":
        actor, people = actor_of(asker), {asker}
    elif who == "own key":
        actor, people = actor_of_key(make_key(asker, is_approver=True).secret), {asker}
    elif who == "account":
        actor, people = actor_of_key(make_key(account).secret), {approver}
    else:
        key = make_key(asker)
        type(key.key).objects.update(created_by=admin.user)
        actor, people = actor_of_key(key.secret), {asker, admin}

    request = ask(actor, terms=Terms())

    assert set(request.barred.split()) == {each.user.public_id for each in people}


# ---------------------------------------------------------------- renewing


def test_renewed_evidence_lets_approvals_lapse(asker, approver, second, facts):
    request = make_approval(actor_of(asker), quorum=2)
    decisions.approve(actor=actor_of(approver), approval_id=request.public_id)
    facts.clear()

    renewed = requests.renew_evidence(
        actor=None, approval_id=request.public_id, evidence=[{"claim": "Accuracy", "value": 0.5}]
    )
    decisions.approve(actor=actor_of(second), approval_id=request.public_id)
    waiting = ApprovalRequest.objects.get()

    assert renewed.evidence_hash != request.evidence_hash
    assert (waiting.state, waiting.changes) == ("pending", CHANGES)
    lapsed, standing = Decision.objects.all()
    assert (lapsed.evidence_hash, lapsed.lapsed_at is None) == (request.evidence_hash, False)
    assert (standing.evidence_hash, standing.lapsed_at) == (renewed.evidence_hash, None)
    assert [each.topic for each in facts] == [topics.REQUEST_RENEWED, topics.REQUEST_ENDORSED]
    assert (facts[0].before, facts[0].data["lapsed"]) == (
        {"evidence_hash": request.evidence_hash},
        1,
    )
    # The first approver looks again, and then it is enough.
    decided = decisions.approve(actor=actor_of(approver), approval_id=request.public_id)
    assert decided.state == "approved"


def test_the_same_evidence_changes_nothing(asker, approver, facts):
    request = make_approval(actor_of(asker), quorum=2)
    decisions.approve(actor=actor_of(approver), approval_id=request.public_id)
    facts.clear()

    requests.renew_evidence(actor=None, approval_id=request.public_id, evidence=EVIDENCE)

    assert facts == []
    assert Decision.objects.get().lapsed_at is None


def test_whoever_changes_the_evidence_may_not_decide(asker, approver):
    request = make_approval(actor_of(asker))
    requests.renew_evidence(
        actor=actor_of(approver), approval_id=request.public_id, payload={"version": 9}
    )

    with pytest.raises(PermissionDenied) as refused:
        decisions.approve(actor=actor_of(approver), approval_id=request.public_id)
    assert refused.value.code == "own_request"


def test_evidence_of_what_has_ended_is_not_renewed(asker):
    request = make_approval(actor_of(asker))
    requests.cancel(actor=actor_of(asker), approval_id=request.public_id)

    with pytest.raises(ApprovalEnded):
        requests.renew_evidence(actor=None, approval_id=request.public_id, evidence=[])


# ---------------------------------------------------------------- void and cancelled


def test_void_takes_back_even_what_was_approved(asker, approver, facts):
    request = make_approval(actor_of(asker))
    decisions.approve(actor=actor_of(approver), approval_id=request.public_id)

    requests.void_request(actor=None, approval_id=request.public_id, reason="version 4 is gone")
    kept = ApprovalRequest.objects.get()

    assert (kept.state, kept.reason) == ("void", "version 4 is gone")
    assert facts[-1].topic == topics.REQUEST_VOIDED
    with pytest.raises(ApprovalEnded):
        requests.void_request(actor=None, approval_id=request.public_id, reason="again")


def test_cancel_is_for_the_asker_and_administrators(asker, approver, viewer, admin, facts):
    requested = [make_approval(actor_of(asker)).public_id for _ in range(2)]
    facts.clear()

    for other in (approver, viewer):
        with pytest.raises(PermissionDenied):
            requests.cancel(actor=actor_of(other), approval_id=requested[0])
    for person, approval_id in zip((asker, admin), requested, strict=True):
        requests.cancel(actor=actor_of(person), approval_id=approval_id, reason="not now")

    assert set(ApprovalRequest.objects.values_list("state", "reason")) == {("cancelled", "not now")}
    assert [each.topic for each in facts] == [topics.REQUEST_CANCELLED] * 2
    with pytest.raises(ApprovalEnded):
        requests.cancel(actor=actor_of(asker), approval_id=requested[0])


def test_another_organizations_request_is_not_there(stranger, asker):
    foreign = make_approval(actor_of(stranger))

    for deed in (requests.cancel, decisions.approve):
        with pytest.raises(NotFound):
            deed(actor=actor_of(asker), approval_id=foreign.public_id)
    with pytest.raises(NotFound):
        requests.renew_evidence(actor=None, approval_id=foreign.public_id)


# ---------------------------------------------------------------- policies


def test_a_policy_names_members_who_can_reach_its_quorum(admin, approver, stranger):
    actor, one = actor_of(admin), approver.user.public_id

    with pytest.raises(NotFound):
        make_policy(actor, approvers=[stranger.user.public_id])
    with pytest.raises(Invalid):
        make_policy(actor, approvers=[one], quorum=2)
    policy = make_policy(actor, approvers=[one])
    with pytest.raises(Invalid):
        policies.update_policy(actor=actor, policy_id=policy.public_id, quorum=2)

    assert Policy.objects.get().quorum == 1


def test_policies_are_announced_with_before_and_after(admin, facts):
    actor = actor_of(admin)
    policy = make_policy(actor, name="Champions")
    policies.update_policy(actor=actor, policy_id=policy.public_id, quorum=3)
    policies.delete_policy(actor=actor, policy_id=policy.public_id)

    assert [each.topic for each in facts] == [
        topics.POLICY_CREATED,
        topics.POLICY_UPDATED,
        topics.POLICY_DELETED,
    ]
    assert (facts[1].before["quorum"], facts[1].after["quorum"], facts[2].after) == (1, 3, None)
    assert Policy.objects.count() == 0


def test_only_administrators_manage_policies(asker):
    with pytest.raises(PermissionDenied):
        make_policy(actor_of(asker))


def test_a_member_of_two_organizations_sees_each_ones_own(asker, stranger):
    both = make_member(stranger.organization, user=asker.user, is_approver=True)
    foreign = make_approval(actor_of(stranger))

    with pytest.raises(NotFound):
        decisions.approve(actor=actor_of(asker), approval_id=foreign.public_id)
    assert actor_of(both).principal == actor_of(asker).principal
