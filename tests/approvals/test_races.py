"""What clicks at once may not bring about: real threads, real transactions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection

from apps.approvals.domain.terms import Terms
from apps.approvals.errors import AlreadyPending, ApprovalEnded
from apps.approvals.models import ApprovalRequest, Decision
from apps.approvals.services import decisions, requests
from apps.core.errors import AppError, Stale
from apps.core.tenancy import organization_scope
from apps.tenants.models import Membership
from tests.factories.approvals import make_approval
from tests.factories.tenants import actor_of, make_member, make_organization

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.integration]
APPROVERS = 20


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What each call answered or refused, all of them started together."""
    barrier = Barrier(len(calls))
    results: list[Any] = [None] * len(calls)

    def run(index: int, call: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            results[index] = call()
        except AppError as error:
            results[index] = error
        finally:
            connection.close()

    threads = [Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class Scene:
    """A request and people who decide on it, each in a thread of their own."""

    def __init__(self, *, quorum: int, people: int) -> None:
        self.place = make_organization()
        self.asker = actor_of(make_member(self.place))
        self.people = [make_member(self.place, is_approver=True) for _ in range(people)]
        self.request = make_approval(self.asker, quorum=quorum)

    def does(self, deed: Callable[..., Any], person: Membership, **more: Any) -> Callable[[], Any]:
        actor = actor_of(person)

        def call() -> Any:
            with organization_scope(self.place.pk):
                return deed(actor=actor, approval_id=self.request.public_id, **more)

        return call

    def standing(self) -> tuple[str, Counter[str]]:
        with organization_scope(self.place.pk):
            rows = Decision.objects.filter(lapsed_at=None)
            return ApprovalRequest.objects.get().state, Counter(each.verdict for each in rows)


def test_twenty_at_once_reach_a_quorum_of_two_by_two():
    scene = Scene(quorum=2, people=APPROVERS)

    results = at_once(*[scene.does(decisions.approve, person) for person in scene.people])

    assert Counter(type(each) for each in results) == {
        ApprovalRequest: 2,
        ApprovalEnded: APPROVERS - 2,
    }
    assert {each.kind.value for each in results if isinstance(each, AppError)} == {"conflict"}
    assert scene.standing() == ("approved", {"approve": 2})


def test_one_person_clicking_often_counts_once():
    scene = Scene(quorum=2, people=1)

    results = at_once(*[scene.does(decisions.approve, scene.people[0]) for _ in range(8)])

    assert sum(isinstance(each, ApprovalRequest) for each in results) == 1
    assert scene.standing() == ("pending", {"approve": 1})


def test_of_approve_and_reject_at_once_one_wins():
    for _ in range(5):
        scene = Scene(quorum=1, people=2)
        first, second = scene.people

        results = at_once(
            scene.does(decisions.approve, first),
            scene.does(decisions.reject, second, reason="no"),
        )

        won = [isinstance(each, ApprovalRequest) for each in results]
        assert sorted(won) == [False, True]
        state, verdicts = scene.standing()
        expected = ("approved", "approve") if won[0] else ("rejected", "reject")
        assert (state, verdicts) == (expected[0], {expected[1]: 1})


def test_new_evidence_and_a_click_on_the_old_never_both_count():
    for _ in range(5):
        scene = Scene(quorum=1, people=1)
        seen = scene.request.evidence_hash

        def renew(scene: Scene = scene) -> Any:
            with organization_scope(scene.place.pk):
                return requests.renew_evidence(
                    actor=None, approval_id=scene.request.public_id, evidence=[]
                )

        renewed, clicked = at_once(
            renew, scene.does(decisions.approve, scene.people[0], evidence_hash=seen)
        )

        if isinstance(clicked, Stale):
            assert isinstance(renewed, ApprovalRequest)
            assert scene.standing() == ("pending", {})
        else:
            assert isinstance(renewed, ApprovalEnded)
            assert scene.standing() == ("approved", {"approve": 1})


def test_asking_again_while_it_is_decided_waits_for_nobody():
    scene = Scene(quorum=1, people=1)
    given = {"kind": scene.request.kind, "subject_id": scene.request.subject_id}

    def ask() -> Any:
        with organization_scope(scene.place.pk):
            return requests.request_approval(
                actor=scene.asker, subject_name="a", title="Again", terms=Terms(), **given
            )

    results = at_once(scene.does(decisions.approve, scene.people[0]), ask, ask)

    assert isinstance(results[0], ApprovalRequest)
    refused = [each for each in results[1:] if isinstance(each, AppError)]
    assert {type(each) for each in refused} <= {AlreadyPending}
    assert len(refused) >= 1
