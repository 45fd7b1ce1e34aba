from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.conversations import topics
from apps.conversations.models import Conversation, Feedback, Generation, Message, Summary
from apps.conversations.services import conversations
from apps.conversations.services.feedback import give_feedback
from apps.core.actor import Actor
from apps.core.errors import Invalid, NotFound, PermissionDenied, Stale
from apps.core.tenancy import organization_scope
from apps.providers.models import Route
from tests.factories.conversations import (
    make_branch,
    make_conversation,
    make_generation,
    make_message,
)
from tests.factories.providers import make_route

pytestmark = pytest.mark.django_db

SECRET = "what only its owner may read"


def narrowed(actor: Actor, **values: object) -> Actor:
    """The same, by a key that may less."""
    return replace(actor, identity=replace(actor.identity, **values))


def wrong(error: pytest.ExceptionInfo[Invalid]) -> list[tuple[str, str]]:
    return [(each.field, each.type) for each in error.value.fields]


def test_create_keeps_what_is_said(ada, facts):
    made = conversations.create_conversation(
        actor=ada,
        title=" Signals ",
        model="chat",
        system_prompt=SECRET,
        parameters={"temperature": 0.5, "seed": None},
        trimming="summary",
        context_tokens=1000,
        visibility="organization",
        tags=["a", "a"],
        archived=True,
    )

    kept = Conversation.objects.get()
    assert (kept.pk, kept.owner, kept.owner_name) == (made.pk, ada.principal, ada.identity.name)
    assert (kept.title, kept.is_title_given, kept.model) == ("Signals", True, "chat")
    assert (kept.system_prompt, kept.parameters) == (SECRET, {"temperature": 0.5})
    assert (kept.trimming, kept.context_tokens) == ("summary", 1000)
    assert (kept.visibility, kept.tags) == ("organization", ["a"])
    assert (kept.archived_at is not None, kept.revision, kept.message_count) == (True, 1, 0)
    (fact,) = facts
    assert (fact.topic, fact.object_id, fact.actor) == (
        topics.CONVERSATION_CREATED,
        made.public_id,
        ada,
    )
    assert fact.after == {
        "owner": ada.principal,
        "model": "chat",
        "visibility": "organization",
        "trimming": "summary",
        "context_tokens": 1000,
        "archived": True,
        "messages": 0,
    }


def test_create_needs_a_model_alone(ada):
    made = conversations.create_conversation(actor=ada, model="chat")

    kept = Conversation.objects.get()
    assert kept.pk == made.pk
    assert (kept.title, kept.is_title_given, kept.system_prompt) == ("", False, "")
    assert (kept.visibility, kept.trimming, kept.context_tokens) == ("private", "oldest", None)
    assert (kept.parameters, kept.tags, kept.archived_at) == ({}, [], None)


def test_create_names_all_that_is_wrong(ada, facts):
    with pytest.raises(Invalid) as error:
        conversations.create_conversation(
            actor=ada, model="nobody", title="a\nb", tags=7, parameters={"n": 1}
        )

    assert sorted(wrong(error)) == [
        ("model", "model_not_found"),
        ("parameters.n", "parameter"),
        ("tags", "not_a_list"),
        ("title", "control"),
    ]
    assert (Conversation.objects.count(), facts) == (0, [])


def test_create_needs_the_permission(reader):
    with pytest.raises(PermissionDenied):
        conversations.create_conversation(actor=reader, model="chat")


def test_a_model_is_a_route_the_actor_may_use(house, ada, stranger):
    route = make_route(house, name="closed", is_enabled=False)
    with organization_scope(stranger.organization_id):
        theirs = Route.objects.get()
        theirs.name = "theirs"
        theirs.save()

    for name in ("closed", "theirs", "", "nobody", route.public_id, "a\x00", 7, None):
        with pytest.raises(Invalid) as error:
            conversations.check_model(ada, name)
        assert wrong(error) == [("model", "model_not_found")]
    assert conversations.check_model(ada, "chat") == "chat"
    key = narrowed(ada, models=frozenset({"spare"}))
    assert conversations.check_model(key, "spare") == "spare"
    with pytest.raises(Invalid):
        conversations.check_model(key, "chat")


def test_update_changes_what_is_named(ada, facts):
    row = make_conversation(ada, title=SECRET, system_prompt=SECRET, tags=["x"])
    before = row.updated_at

    changed = conversations.update_conversation(
        actor=ada, conversation_id=row.public_id, tags=["y"], model="spare"
    )

    row.refresh_from_db()
    assert (row.tags, row.model, row.title, row.revision) == (["y"], "spare", SECRET, 2)
    assert (changed.revision, row.updated_at > before) == (2, True)
    (fact,) = facts
    assert fact.topic == topics.CONVERSATION_CHANGED
    assert (fact.before["model"], fact.after["model"]) == ("chat", "spare")
    assert fact.after["changed"] == ["model", "tags"]
    assert SECRET not in repr(fact)


def test_update_archives_once_and_brings_back(ada):
    row = make_conversation(ada)
    place = {"actor": ada, "conversation_id": row.public_id}

    first = conversations.update_conversation(**place, archived=True).archived_at
    again = conversations.update_conversation(**place, archived=True).archived_at
    back = conversations.update_conversation(**place, archived=False).archived_at

    assert (first is not None, again, back) == (True, first, None)


def test_update_without_a_title_has_one_made_up_again(ada):
    row = make_conversation(ada, is_title_given=True)

    changed = conversations.update_conversation(
        actor=ada, conversation_id=row.public_id, title=None
    )

    assert (changed.title, changed.is_title_given) == ("", False)


def test_update_keeps_a_model_that_was_closed_since(ada):
    row = make_conversation(ada, model="gone")
    place = {"actor": ada, "conversation_id": row.public_id}

    changed = conversations.update_conversation(**place, model="gone", title="New")

    assert (changed.model, changed.title) == ("gone", "New")
    with pytest.raises(Invalid):
        conversations.update_conversation(**place, model="gone-too")


def test_update_of_an_older_revision_is_stale(ada, facts):
    row = make_conversation(ada)
    place = {"actor": ada, "conversation_id": row.public_id}

    conversations.update_conversation(**place, expected_revision=1, title="one")
    with pytest.raises(Stale):
        conversations.update_conversation(**place, expected_revision=1, title="two")

    row.refresh_from_db()
    assert (row.title, row.revision, len(facts)) == ("one", 2, 1)


def test_replace_begins_from_the_defaults(ada):
    row = make_conversation(
        ada,
        system_prompt="Be brief.",
        parameters={"seed": 1},
        tags=["x"],
        visibility="organization",
        trimming="summary",
        context_tokens=500,
        archived_at=timezone.now(),
        message_count=3,
    )

    conversations.replace_conversation(actor=ada, conversation_id=row.public_id, model="spare")

    row.refresh_from_db()
    assert (row.title, row.system_prompt, row.parameters, row.tags) == ("", "", {}, [])
    assert (row.visibility, row.trimming, row.context_tokens) == ("private", "oldest", None)
    assert (row.archived_at, row.model, row.message_count) == (None, "spare", 3)


@pytest.mark.parametrize("deed", ["update_conversation", "remove_conversation"])
def test_only_the_owner_writes(deed, ada, ben, chief, stranger):
    private = make_conversation(ada)
    shown = make_conversation(ada, visibility="organization")

    def do(actor: Actor, row: Conversation) -> None:
        with organization_scope(actor.organization_id):
            getattr(conversations, deed)(actor=actor, conversation_id=row.public_id)

    for actor in (ben, chief, stranger):
        with pytest.raises(NotFound):
            do(actor, private)
    for actor in (ben, chief):
        with pytest.raises(PermissionDenied):
            do(actor, shown)
    with pytest.raises(NotFound):
        do(stranger, shown)
    with pytest.raises(PermissionDenied):
        do(narrowed(ada, permissions=frozenset()), private)
    for row in (private, shown):
        row.refresh_from_db()
        assert row.revision == 1


def test_remove_takes_all_of_it(ada, ben, facts):
    row, kept = make_conversation(ada, title=SECRET), make_conversation(ada)
    asked = make_message(row, content=SECRET)
    answer = make_message(row, asked)
    make_generation(make_message(row, answer))
    give_feedback(actor=ada, conversation_id=row.public_id, message_id=answer.public_id, value="up")
    Summary.objects.create(
        organization_id=row.organization_id, conversation=row, until=answer, text="short"
    )
    left = make_message(kept)

    conversations.remove_conversation(actor=ada, conversation_id=row.public_id)

    assert list(Conversation.objects.all()) == [kept]
    assert list(Message.objects.all()) == [left]
    assert [each.objects.count() for each in (Generation, Feedback, Summary)] == [0, 0, 0]
    (fact,) = facts
    assert (fact.topic, fact.object_id, fact.before["messages"]) == (
        topics.CONVERSATION_REMOVED,
        row.public_id,
        3,
    )
    assert SECRET not in repr(fact)


def test_remove_of_an_older_revision_is_stale(ada):
    row = make_conversation(ada, revision=2)

    with pytest.raises(Stale):
        conversations.remove_conversation(
            actor=ada, conversation_id=row.public_id, expected_revision=1
        )

    assert Conversation.objects.count() == 1


def test_remove_of_a_long_one_takes_few_statements(ada, django_assert_max_num_queries):
    row = make_conversation(ada)
    make_branch(row, 1_500)

    with django_assert_max_num_queries(25):
        conversations.remove_conversation(actor=ada, conversation_id=row.public_id)

    assert Message.objects.count() == 0


def test_times_are_of_the_last_word(ada):
    long_ago = timezone.now() - timedelta(days=2)
    row = make_conversation(ada, updated_at=long_ago)

    conversations.update_conversation(actor=ada, conversation_id=row.public_id, title="New")

    row.refresh_from_db()
    assert row.updated_at > long_ago + timedelta(days=1)
