from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.conversations import topics
from apps.conversations.enums import MessageStatus
from apps.conversations.errors import BranchBusy
from apps.conversations.models import Conversation, Message, Share
from apps.conversations.queries.shares import SharedConversation, share_of, shared_by
from apps.conversations.services import conversations, sharing
from apps.core.actor import Actor
from apps.core.errors import Conflict, Invalid, NotFound, PermissionDenied
from apps.core.tenancy import leave_organization, organization_scope, unscoped
from apps.events.models import AuditEntry
from apps.tenants.models import Organization
from tests.factories.branches import (
    add_branch,
    add_message,
    make_conversation_of,
    make_shown_conversation_of,
)
from tests.factories.tenants import actor_of, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def actor() -> Iterator[Actor]:
    made = actor_of(make_member())
    with organization_scope(made.organization_id):
        yield made


@pytest.fixture
def colleague(actor: Actor) -> Actor:
    return actor_of(make_member(Organization.objects.get(pk=actor.organization_id)))


def share(actor: Actor, talk: Conversation, **more: Any) -> str:
    """The secret of the link."""
    made = sharing.share_conversation(actor=actor, conversation_id=talk.public_id, **more)
    return made.url.rpartition("/")[2]


def texts(shared: SharedConversation) -> list[str]:
    return [message.content for message in shared.messages]


def is_dead(token: str) -> bool:
    try:
        shared_by(token)
    except NotFound:
        return True
    return False


def test_a_link_shows_the_branch_to_whoever_has_it(actor: Actor) -> None:
    talk = make_conversation_of(
        actor, "question", "answer", title="Talk", system_prompt="a secret", model="chat"
    )
    made = sharing.share_conversation(actor=actor, conversation_id=talk.public_id)

    leave_organization()
    shown = shared_by(made.url.rpartition("/")[2])

    assert made.url == f"http://localhost:8000/shared/{made.url.rpartition('/')[2]}"
    assert (shown.title, shown.model, shown.expires_at) == ("Talk", "chat", None)
    assert [(one.role, one.content) for one in shown.messages] == [
        ("user", "question"),
        ("assistant", "answer"),
    ]
    assert "a secret" not in repr(shown)


def test_only_a_digest_of_the_secret_is_kept(actor: Actor) -> None:
    token = share(actor, make_conversation_of(actor, "question"))

    (kept,) = Share.objects.all()
    assert kept.digest == hashlib.sha256(token.encode()).hexdigest()
    assert len(token) == 43
    with unscoped(reason="a test reads the trail"):
        entries = [str(entry.after) + str(entry.before) for entry in AuditEntry.objects.all()]
    assert token not in "".join(entries)


def test_what_comes_later_is_not_shown(actor: Actor) -> None:
    talk = make_conversation_of(actor, "question", "answer", title="Before")
    assert talk.head is not None
    Message.objects.filter(pk=talk.head_id).update(status=MessageStatus.STOPPED)
    token = share(actor, talk)

    add_branch(talk, "later", "too", under=talk.head)
    add_branch(talk, "another beginning")
    Message.objects.filter(content="answer").update(content="answer that was gone on with")
    Conversation.objects.filter(pk=talk.pk).update(title="After")

    shown = shared_by(token)
    assert (shown.title, texts(shown)) == ("Before", ["question", "answer"])


def test_of_several_branches_the_active_one_is_shown(actor: Actor) -> None:
    talk = make_conversation_of(actor, "question", "answer")
    first = talk.head
    add_branch(talk, "other question", "other answer")

    assert texts(shared_by(share(actor, talk))) == ["other question", "other answer"]
    assert first is not None


def test_a_link_runs_out(actor: Actor) -> None:
    talk = make_conversation_of(actor, "question")
    token = share(actor, talk, expires_in=60)
    before = is_dead(token)

    Share.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert (before, is_dead(token)) == (False, True)
    with pytest.raises(NotFound):
        share_of(actor=actor, conversation_id=talk.public_id)


def test_links_that_never_were_are_not_there(actor: Actor) -> None:
    share(actor, make_conversation_of(actor, "question"))

    for guess in ("", "x", "a" * 43, "a" * 5000, "../x", "ü" * 43, "\x00" * 43):
        assert is_dead(guess)


def test_another_link_ends_the_one_before(actor: Actor) -> None:
    talk = make_conversation_of(actor, "question")

    first, second = share(actor, talk), share(actor, talk)

    assert (is_dead(first), is_dead(second)) == (True, False)


def test_end_share_ends_it_and_again_is_no_error(actor: Actor) -> None:
    talk, other = make_conversation_of(actor, "a"), make_conversation_of(actor, "b")
    token, kept = share(actor, talk), share(actor, other)

    sharing.end_share(actor=actor, conversation_id=talk.public_id)
    sharing.end_share(actor=actor, conversation_id=talk.public_id)

    assert (is_dead(token), is_dead(kept)) == (True, False)
    with unscoped(reason="a test reads the trail"):
        ended = AuditEntry.objects.filter(action=topics.SHARE_ENDED)
        assert [entry.object_id for entry in ended] == [talk.public_id]


def test_removing_the_conversation_ends_it(actor: Actor) -> None:
    talk = make_conversation_of(actor, "question")
    token = share(actor, talk)

    conversations.remove_conversation(actor=actor, conversation_id=talk.public_id)

    assert is_dead(token)


def test_only_the_owner_shares(actor: Actor, colleague: Actor) -> None:
    shown, private = make_shown_conversation_of(actor, "a"), make_conversation_of(actor, "b")
    token = share(actor, shown)

    for deed in (sharing.share_conversation, sharing.end_share, share_of):
        with pytest.raises(PermissionDenied):
            deed(actor=colleague, conversation_id=shown.public_id)
        with pytest.raises(NotFound):
            deed(actor=colleague, conversation_id=private.public_id)
    assert not is_dead(token)


def test_what_cannot_be_shared_is_refused(actor: Actor) -> None:
    empty, busy = make_conversation_of(actor), make_conversation_of(actor, "question")
    busy.head = add_message(busy, "", parent=busy.head, role="assistant", status="generating")
    busy.save()

    with pytest.raises(Conflict):
        share(actor, empty)
    with pytest.raises(BranchBusy):
        share(actor, busy)
    for seconds in (0, 59, 366 * 86400 + 1):
        with pytest.raises(Invalid):
            share(actor, make_conversation_of(actor, "x"), expires_in=seconds)
    assert Share.objects.count() == 0


def test_forget_expired_drops_what_has_run_out(actor: Actor) -> None:
    share(actor, make_conversation_of(actor, "a"), expires_in=60)
    Share.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    kept = [share(actor, make_conversation_of(actor, "b"), expires_in=60)]
    kept.append(share(actor, make_conversation_of(actor, "c")))

    assert sharing.forget_expired() == 1
    assert [is_dead(token) for token in kept] == [False, False]
