from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from apps.core import bus
from apps.core.actor import CredentialKind
from apps.core.errors import Invalid, PermissionDenied
from apps.core.models import ChangeMark
from apps.core.tenancy import organization_scope
from apps.tenants import topics
from apps.tenants.domain.visit import Visit
from apps.tenants.errors import BadCredentials
from apps.tenants.queries.identities import browser_session_id
from apps.tenants.services import browser_sessions
from tests.factories.console import session_of
from tests.factories.tenants import PASSWORD, actor_of, make_admin, make_member, make_user

pytestmark = pytest.mark.django_db

VISIT = Visit(address="192.0.2.1", user_agent="tests", request_id="req_test")


def test_prove_answers_the_first_place_and_how_many_failed_before() -> None:
    member = make_admin()
    make_member(user=member.user)
    with pytest.raises(BadCredentials):
        browser_sessions.prove(email=member.user.email, password="wrong", visit=VISIT)

    proven = browser_sessions.prove(email=member.user.email, password=PASSWORD, visit=VISIT)

    assert (proven.membership, proven.failures, proven.pause) == (member, 1, 0.0)


def test_prove_refuses_who_belongs_nowhere() -> None:
    user = make_user()

    with pytest.raises(PermissionDenied):
        browser_sessions.prove(email=user.email, password=PASSWORD, visit=VISIT)


def test_open_session_announces_the_session_that_was_begun(facts: list[bus.Fact]) -> None:
    member = make_member()

    browser_sessions.open_session(
        membership=member, begin=lambda: "the key", visit=VISIT, failures=2
    )

    (fact,) = facts
    assert fact.actor is not None
    assert (fact.topic, fact.organization_id, fact.object_id, fact.object_name) == (
        topics.SESSION_OPENED,
        member.organization_id,
        browser_session_id("the key"),
        member.user.email,
    )
    assert fact.after == {"address": "192.0.2.1", "user_agent": "tests", "failures": 2}
    assert (fact.actor.credential.kind, fact.actor.credential.id) == (
        CredentialKind.SESSION,
        fact.object_id,
    )


def test_close_session_ends_it_and_tells_every_process(facts: list[bus.Fact]) -> None:
    actor = actor_of(make_member(), CredentialKind.SESSION)
    ended = []

    browser_sessions.close_session(actor=actor, end=lambda: ended.append(True))

    assert ended == [True]
    assert [(fact.topic, fact.object_id) for fact in facts] == [
        (topics.SESSION_CLOSED, actor.credential.id)
    ]
    assert ChangeMark.objects.filter(scope=f"identity:{actor.identity.organization}").exists()


def test_switch_session_closes_here_and_opens_there(facts: list[bus.Fact]) -> None:
    member = make_member()
    other = make_admin(user=member.user)
    actor = actor_of(member, CredentialKind.SESSION)
    moved: list[str] = []

    with organization_scope(member.organization_id):
        membership = browser_sessions.switch_session(
            actor=actor, organization=other.organization.slug, move=moved.append
        )

    assert (membership, moved) == (other, [other.organization.public_id])
    assert [(fact.topic, fact.organization_id, fact.object_id) for fact in facts] == [
        (topics.SESSION_CLOSED, member.organization_id, actor.credential.id),
        (topics.SESSION_OPENED, other.organization_id, actor.credential.id),
    ]


def test_switch_session_refuses_anothers_and_moves_nothing(facts: list[bus.Fact]) -> None:
    actor, elsewhere = actor_of(make_member(), CredentialKind.SESSION), make_member()
    moved: list[str] = []

    with pytest.raises(Invalid):
        browser_sessions.switch_session(
            actor=actor, organization=elsewhere.organization.public_id, move=moved.append
        )

    assert (moved, facts) == ([], [])


def test_forget_expired_keeps_those_that_may_come_back() -> None:
    kept, expired = session_of(make_member()), session_of(make_member())
    Session.objects.filter(pk=expired).update(expire_date=timezone.now())

    browser_sessions.forget_expired()

    assert [each.pk for each in Session.objects.all()] == [kept]
