"""The inbox, one request, the click and why it may not count; policies; the number in the navigation."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.approvals import topics
from apps.approvals.models import ApprovalRequest, Policy
from apps.approvals.services import decisions, requests
from apps.console.words import FACTS
from tests.factories.approvals import make_approval, make_policy
from tests.factories.console import Visitor, errors, notices, page, row_labels, title, toasts
from tests.factories.tenants import actor_of, make_member


@pytest.fixture
def approver(organization):
    return make_member(organization, is_approver=True)


@pytest.fixture
def at_approver(approver):
    return Visitor(approver)


def where(request, deed=""):
    return f"/console/inbox/{request.public_id}" + (f"/{deed}" if deed else "")


def notice(answer):
    found = re.search(
        r'<div class="notice notice--caution">.*?<div>(.*?)</div>', page(answer), re.DOTALL
    )
    return found.group(1).strip() if found else ""


def count(answer):
    return set(re.findall(r'<span class="nav-count"[^>]*>(.*?)</span>', page(answer)))


def test_every_fact_has_words():
    declared = {value for name, value in vars(topics).items() if name.isupper()}

    assert declared - set(FACTS) == set()


def test_the_inbox_begins_with_what_waits_for_me(at_approver, approver, user, stranger):
    make_approval(actor_of(stranger), title="Foreign")
    make_approval(actor_of(approver), title="My own")
    decided = make_approval(actor_of(user), title="Decided")
    decisions.approve(actor=actor_of(approver), approval_id=decided.public_id)
    make_approval(actor_of(user), title="For me")

    shown = {
        query: row_labels(at_approver.get(f"/console/inbox{query}"))
        for query in ("", "?show=waiting", "?show=all", "?show=nonsense")
    }

    assert shown == {
        "": ["For me"],
        "?show=waiting": ["For me", "My own"],
        "?show=all": ["For me", "Decided", "My own"],
        "?show=nonsense": ["For me", "My own"],
    }


def test_who_decides_on_nothing_sees_what_waits(at_viewer, user):
    make_approval(actor_of(user), title="Waiting")

    answer = at_viewer.get("/console/inbox")

    assert row_labels(answer) == ["Waiting"]
    assert "For you" not in page(answer)
    assert count(answer) == set()


def test_an_empty_inbox_says_so(at_approver):
    assert "Nothing waits for you" in page(at_approver.get("/console/inbox"))


def test_the_navigation_counts_what_waits_for_me(at_approver, user, approver):
    before = count(at_approver.get("/console/keys"))
    requested = [make_approval(actor_of(user)) for _ in range(2)]

    after = count(at_approver.get("/console/keys"))
    alone = at_approver.get("/console/inbox/count").body
    decisions.approve(actor=actor_of(approver), approval_id=requested[0].public_id)

    assert (before, after, alone) == ({""}, {"2"}, b"2")
    assert at_approver.get("/console/inbox/count").body == b"1"


def test_one_request_shows_all_that_is_decided_on(at_approver, user):
    request = make_approval(actor_of(user), quorum=2)

    html = page(at_approver.get(where(request)))

    assert title(at_approver.get(where(request))) == request.title
    for text in (
        f"{user.user.name} asks for this.",
        "<del>version 3</del>",
        "<ins>version 4</ins>",
        "Accuracy on last month",
        "0.904 to 0.919",
        "Version 4 answers every prediction.",
        "After you it waits for 1 more person.",
        "0 of 2",
        f'name="evidence_hash" value="{request.evidence_hash}"',
    ):
        assert text in html


def test_what_others_wrote_is_text(at_approver, user):
    nasty = "<script>alert(1)</script>"
    request = make_approval(
        actor_of(user),
        title=nasty,
        consequence=nasty,
        changes=[{"label": nasty, "before": nasty, "after": {"a": nasty}}],
        evidence=[{"claim": nasty, "value": nasty, "note": nasty, "unit": nasty}],
    )

    body = at_approver.get(where(request)).body

    assert b"<script>alert" not in body


def test_one_click_approves(at_approver, user):
    request = make_approval(actor_of(user))

    answer = at_approver.post(
        where(request, "approve"), {"evidence_hash": request.evidence_hash, "comment": "right"}
    )

    assert (answer.status, answer.headers["location"]) == (302, where(request))
    assert toasts(at_approver) == ["Approved."]
    assert ApprovalRequest.objects.get().state == "approved"
    html = page(at_approver.get(where(request)))
    assert ("right" in html, "decision__form" in html) == (True, False)


def test_the_first_of_two_waits_for_the_other_and_may_still_reject(at_approver, user):
    request = make_approval(actor_of(user), quorum=2)
    form = {"evidence_hash": request.evidence_hash}

    at_approver.post(where(request, "approve"), form)

    assert toasts(at_approver) == ["Your approval is recorded; it waits for others."]
    html = page(at_approver.get(where(request)))
    assert (where(request, "approve") + '"' in html, where(request, "reject") + '"' in html) == (
        False,
        True,
    )
    again = at_approver.post(where(request, "approve"), form)
    assert (again.status, notice(again)) == (
        409,
        "You have approved this already; it waits for others.",
    )


def test_a_rejection_needs_a_reason(at_approver, user):
    request = make_approval(actor_of(user))
    form = {"evidence_hash": request.evidence_hash}

    without = at_approver.post(where(request, "reject"), {**form, "reason": " "})
    waiting = ApprovalRequest.objects.get().state
    at_approver.post(where(request, "reject"), {**form, "reason": "Recall fell."})

    assert (without.status, notice(without), waiting) == (422, "Reason: say why", "pending")
    assert ApprovalRequest.objects.get().state == "rejected"
    assert "Recall fell." in page(at_approver.get(where(request)))


@pytest.mark.parametrize("deed", ["approve", "reject"])
def test_changed_evidence_is_explained_and_what_was_typed_stays(deed, at_approver, user):
    request = make_approval(actor_of(user))
    new = requests.renew_evidence(
        actor=None, approval_id=request.public_id, evidence=[{"claim": "Accuracy fell"}]
    )

    answer = at_approver.post(
        where(request, deed),
        {"evidence_hash": request.evidence_hash, "reason": "typed", "comment": "typed"},
    )

    html = page(answer)
    assert answer.status == 412
    assert notice(answer).startswith("The evidence changed since you opened this page: look again.")
    assert ("Accuracy fell" in html, ">typed</textarea>" in html) == (True, True)
    assert f'value="{new.evidence_hash}"' in html
    assert ApprovalRequest.objects.get().state == "pending"


def test_a_click_without_the_hash_does_not_count(at_approver, user):
    request = make_approval(actor_of(user))

    assert at_approver.post(where(request, "approve")).status == 412
    assert ApprovalRequest.objects.get().state == "pending"


def test_a_lost_race_and_an_expiry_are_explained(at_approver, user, organization):
    lost, late = make_approval(actor_of(user)), make_approval(actor_of(user))
    other = make_member(organization, is_approver=True)
    decisions.reject(actor=actor_of(other), approval_id=lost.public_id, reason="no")
    ApprovalRequest.objects.filter(pk=late.pk).update(
        expires_at=timezone.now() - timedelta(seconds=1)
    )

    answers = [
        at_approver.post(where(each, "approve"), {"evidence_hash": each.evidence_hash})
        for each in (lost, late)
    ]

    assert [(each.status, notice(each)) for each in answers] == [
        (409, "Somebody was faster: this request has been decided. See the history below."),
        (409, "It expired before you decided. It has to be asked for again."),
    ]


def test_who_may_not_decide_is_told_why(at_approver, at_viewer, at_user, user, approver):
    own = make_approval(actor_of(approver))
    others = make_approval(actor_of(user))

    told = {
        "own": page(at_approver.get(where(own))),
        "viewer": page(at_viewer.get(where(others))),
    }

    assert "You asked for this, or changed its evidence: somebody else decides." in told["own"]
    assert "Only members with the approver grant decide." in told["viewer"]
    assert not any("decision__form" in each for each in told.values())
    for visitor, request in ((at_approver, own), (at_viewer, others), (at_user, others)):
        form = {"evidence_hash": request.evidence_hash, "reason": "no"}
        for deed in ("approve", "reject"):
            assert visitor.post(where(request, deed), form).status == 403
    assert set(ApprovalRequest.objects.values_list("state", flat=True)) == {"pending"}


def test_another_organizations_request_is_not_there(at_approver, stranger):
    foreign = make_approval(actor_of(stranger))

    statuses = [
        at_approver.get(where(foreign)).status,
        *[
            at_approver.post(where(foreign, deed)).status
            for deed in ("approve", "reject", "cancel")
        ],
    ]

    assert statuses == [404] * 4


@pytest.mark.parametrize("deed", ["approve", "reject", "cancel"])
def test_no_deed_without_the_csrf_token_nor_from_elsewhere_nor_by_get(deed, approver, admin, user):
    request = make_approval(actor_of(user))
    visitor = Visitor(admin if deed == "cancel" else approver)
    form = {"evidence_hash": request.evidence_hash, "reason": "no"}

    answers = [
        visitor.post(where(request, deed), form, token=""),
        visitor.post(where(request, deed), form, token="x" * 32),
        visitor.post(where(request, deed), form, origin="https://evil.example.com"),
        visitor.get(where(request, deed)),
    ]

    assert [each.status for each in answers] == [403, 403, 403, 405]
    assert ApprovalRequest.objects.get().state == "pending"


def test_the_asker_takes_it_back(at_user, user):
    request = make_approval(actor_of(user))

    at_user.post(where(request, "cancel"), {"reason": "not now"})

    assert toasts(at_user) == ["The request is taken back."]
    kept = ApprovalRequest.objects.get()
    assert (kept.state, kept.reason) == ("cancelled", "not now")


def test_strangers_sign_in_first(user):
    request = make_approval(actor_of(user))

    answer = Visitor().get(where(request))

    assert answer.headers["location"] == f"/console/login?next={where(request).replace('/', '%2F')}"


# ---------------------------------------------------------------- policies


def test_an_administrator_makes_changes_and_deletes_a_policy(at_admin, approver, stranger, admin):
    make_policy(actor_of(stranger), name="Foreign")
    form = {
        "name": "Champions",
        "kind": "model.promotion",
        "selector": "churn-*",
        "quorum": "1",
        "approvers": approver.user.public_id,
        "days": "0.5",
        "is_enabled": "on",
    }

    at_admin.post("/console/inbox/policies/new", form)
    policy = Policy.objects.get()
    path = f"/console/inbox/policies/{policy.public_id}"
    listed = row_labels(at_admin.get("/console/inbox/policies"))
    at_admin.post(path, {**form, "quorum": "1", "days": "", "revision": "1"})
    stale = at_admin.post(path, {**form, "revision": "1"})
    kept = Policy.objects.get()
    at_admin.post(f"{path}/delete")

    assert listed == ["Champions"]
    assert (policy.expires_seconds, policy.approvers) == (43_200, [approver.user.public_id])
    assert (kept.expires_seconds, kept.revision) == (None, 2)
    assert stale.status == 412
    assert notices(stale) != []
    assert Policy.objects.count() == 0


def test_a_wrong_policy_says_it_at_the_field(at_admin, approver):
    form = {"name": "a", "kind": "promotion", "selector": "*", "quorum": "2"}

    answer = at_admin.post("/console/inbox/policies/new", form)
    reach = at_admin.post(
        "/console/inbox/policies/new",
        {**form, "kind": "model.promotion", "approvers": approver.user.public_id},
    )

    assert (answer.status, errors(answer)) == (422, ["Must look like model.promotion"])
    assert (reach.status, errors(reach)) == (
        422,
        ["Is more than the people named as approvers"],
    )


def test_others_see_policies_and_change_none(at_user, admin):
    policy = make_policy(actor_of(admin), name="Champions")
    path = f"/console/inbox/policies/{policy.public_id}"

    html = page(at_user.get(path))

    assert ("anyone with the approver grant" in html, 'name="quorum"' in html) == (True, False)
    assert [
        at_user.get("/console/inbox/policies/new").status,
        at_user.post(path, {"name": "b"}).status,
        at_user.post(f"{path}/delete").status,
    ] == [403, 403, 403]
    assert Policy.objects.get().name == "Champions"
