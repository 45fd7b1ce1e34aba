from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection

from apps.conversations.domain.search import Piece
from apps.conversations.enums import MessageStatus, Visibility
from apps.conversations.models import Conversation, Message
from apps.conversations.queries.search import Hit, search_conversations
from apps.core.actor import Actor
from apps.core.errors import Invalid, PermissionDenied
from apps.core.tenancy import organization_scope
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


def hits(actor: Actor, text: str, **more: Any) -> list[Hit]:
    return list(search_conversations(actor=actor, text=text, **more).rows)


def found(actor: Actor, text: str) -> set[str]:
    return {hit.conversation.title for hit in hits(actor, text)}


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ("brown", True),
        ("BROWN fox", True),
        ("quick jump", True),
        ("jum", True),
        ("fox quick", True),
        ("qui fox", False),
        ('"quick brown"', True),
        ('"brown quick"', False),
        ('"quick bro"', False),
        ('"brown fox" lazy', True),
        ("cafe", True),
        ("CAFÉ", True),
        ("cafe\u0301", True),
        ("arger", True),
        ("Ärger", True),
        ("straße", True),
        ("dont", False),
        ("don't", True),
        ("e-mail", True),
        ("mail", True),
        ("snake_case", True),
        ("case", True),
        ("2.5", True),
        ("v2", True),
        ("1e5", True),
        ("абвгд", True),
        ("АБВГД", True),
        ("東京", True),
        ("script", True),
        ("cat", False),
    ],
)
def test_a_message_is_found_by_its_words(actor: Actor, query: str, matches: bool) -> None:
    make_conversation_of(
        actor,
        "The quick brown fox jumps over the lazy dog at the Café. ÄRGER in der Straße! I don't "
        "e-mail snake_case, 2.5 or v2 and 1e5. Абвгд 東京タワー <script>",
        title="it",
    )
    make_conversation_of(actor, "Something else", title="other")

    assert found(actor, query) == ({"it"} if matches else set())


@pytest.mark.parametrize(
    "query",
    ['"', "*", "AND", "OR", "NOT", "NEAR(a b)", "a:b", "content:x", "-x", "^x", "x*y", "((", "'",
     "\\", "';--", "\x00", "a\x00b", "{}[]", "%", "_", "<->", "!x", "x & | y", ":*", "'''", '"""',
     "\u0301", "\U0001f600", "x" * 300, "a " * 150, '"a" ' * 70],
)  # fmt: skip
def test_no_query_is_an_error(actor: Actor, query: str) -> None:
    make_conversation_of(actor, "some text")

    assert isinstance(hits(actor, query), list)


def test_a_query_that_is_missing_or_too_long_names_its_field(actor: Actor) -> None:
    for text in (None, "x" * 301):
        with pytest.raises(Invalid) as refused:
            search_conversations(actor=actor, text=text)
        assert [field.field for field in refused.value.fields] == ["q"]


def test_only_what_one_may_read_is_found(actor: Actor, colleague: Actor) -> None:
    stranger = actor_of(make_member())
    make_conversation_of(actor, "needle", title="mine")
    make_conversation_of(colleague, "needle", title="needle kept private")
    make_shown_conversation_of(colleague, "needle", title="shown")
    with organization_scope(stranger.organization_id):
        make_conversation_of(stranger, "needle", title="needle of strangers")
        make_shown_conversation_of(stranger, "needle", title="needle shown by strangers")

        assert len(found(stranger, "needle")) == 2
    assert found(actor, "needle") == {"mine", "shown"}


def test_without_the_permission_nothing_is_searched(actor: Actor) -> None:
    bare = replace(actor, identity=replace(actor.identity, permissions=frozenset()))

    with pytest.raises(PermissionDenied):
        search_conversations(actor=bare, text="x")


def test_showing_and_hiding_a_conversation_is_followed(actor: Actor, colleague: Actor) -> None:
    made = make_conversation_of(colleague, "needle", "answer", title="theirs")

    before = found(actor, "needle")
    Conversation.objects.filter(pk=made.pk).update(visibility=Visibility.ORGANIZATION)
    shown = found(actor, "needle"), found(actor, "theirs"), found(colleague, "needle")
    Conversation.objects.filter(pk=made.pk).update(visibility=Visibility.PRIVATE)

    assert before == set()
    assert shown == ({"theirs"}, {"theirs"}, {"theirs"})
    assert (found(actor, "needle"), found(colleague, "needle")) == (set(), {"theirs"})


def test_an_answer_is_found_once_it_has_ended(actor: Actor) -> None:
    talk = make_conversation_of(actor, "question", title="it")
    answer = add_message(talk, "partial", role="assistant", status=MessageStatus.GENERATING)
    Message.objects.filter(pk=answer.pk).update(content="partial needle")

    during = found(actor, "needle")
    Message.objects.filter(pk=answer.pk).update(
        content="whole needle", status=MessageStatus.STOPPED
    )
    after = found(actor, "whole"), found(actor, "partial")
    Message.objects.filter(pk=answer.pk).update(status=MessageStatus.GENERATING)

    assert (during, after) == (set(), ({"it"}, set()))
    assert found(actor, "whole") == set()


def test_what_is_changed_and_removed_is_no_longer_found(actor: Actor) -> None:
    talk = make_conversation_of(actor, "needle", title="haystack")
    gone = make_conversation_of(actor, "needle", title="needle")

    Message.objects.filter(conversation=talk).update(content="pin")
    Conversation.objects.filter(pk=talk.pk).update(title="box")
    gone.delete()

    assert (found(actor, "needle"), found(actor, "haystack")) == (set(), set())
    assert (found(actor, "pin"), found(actor, "box")) == ({"box"}, {"box"})


def test_titles_come_first_then_what_matches_best(actor: Actor) -> None:
    long = "word " * 200
    make_conversation_of(actor, f"needle {long}", title="weak")
    make_conversation_of(actor, "needle needle needle", title="strong")
    make_conversation_of(actor, "nothing", title="the needle")
    make_conversation_of(actor, f"needle {long}", title="weak and newer")

    ordered = [hit.conversation.title for hit in hits(actor, "needle")]

    assert ordered == ["the needle", "strong", "weak and newer", "weak"]


def test_a_hit_shows_where_it_is_and_its_best_message(actor: Actor) -> None:
    talk = make_conversation_of(actor, "A needle in " + "a haystack " * 40, title="Needle work")
    best = add_branch(talk, "needle <b>needle</b>", under=talk.head)[0]

    (hit,) = hits(actor, "needle")

    assert (hit.message, hit.matches) == (best, 2)
    assert hit.title == [Piece("Needle", True), Piece(" work")]
    assert hit.snippet == [
        Piece("needle", True),
        Piece(" <b>"),
        Piece("needle", True),
        Piece("</b>"),
    ]


def test_a_title_alone_has_no_message(actor: Actor) -> None:
    make_conversation_of(actor, "nothing of it", title="Needle")

    (hit,) = hits(actor, "needle")

    assert (hit.message, hit.snippet, hit.matches) == (None, [], 0)


def test_results_are_paged(actor: Actor) -> None:
    for number in range(5):
        make_conversation_of(actor, "needle", title=f"talk {number}")

    pages = [
        search_conversations(actor=actor, text="needle", page=n, limit=2) for n in (1, 2, 3, 4)
    ]

    assert [[hit.conversation.title for hit in page.rows] for page in pages] == [
        ["talk 4", "talk 3"],
        ["talk 2", "talk 1"],
        ["talk 0"],
        [],
    ]
    assert pages[0].meta == {"page": 1, "limit": 2, "total": 5, "total_pages": 3}


def test_the_database_keeps_its_index_itself() -> None:
    """A migration that builds one of the tables anew on SQLite takes the triggers along: see migration 0002."""
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL keeps it in a generated column")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'conversations_%'"
        )
        assert cursor.fetchone() == (9,)
