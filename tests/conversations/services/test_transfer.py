from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unicodedata import normalize

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.conversations import topics
from apps.conversations.domain import documents
from apps.conversations.domain import transfer as rules
from apps.conversations.enums import Visibility
from apps.conversations.models import Conversation, Message
from apps.conversations.queries import exports
from apps.conversations.queries.search import search_conversations
from apps.conversations.services import transfer
from apps.core import json as strict_json
from apps.core.actor import Actor
from apps.core.errors import Invalid, NotFound, PermissionDenied
from apps.core.tenancy import organization_scope, unscoped
from apps.events.models import AuditEntry
from apps.tenants.models import Organization
from tests.factories.branches import (
    add_branch,
    add_message,
    make_conversation_of,
    make_shown_conversation_of,
)
from tests.factories.providers import make_route
from tests.factories.tenants import actor_of, make_member

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)


@pytest.fixture
def actor() -> Iterator[Actor]:
    member = make_member()
    make_route(member.organization, name="chat")
    made = actor_of(member)
    with organization_scope(made.organization_id):
        yield made


def exported(actor: Actor, talk: Conversation) -> dict[str, Any]:
    """As somebody gets it: through JSON."""
    whole = exports.whole_conversation(actor=actor, conversation_id=talk.public_id)
    document = documents.to_document(*whole, now=timezone.now())
    return strict_json.parse(strict_json.dumps(document))  # type: ignore[no-any-return]


def plain(document: dict[str, Any]) -> dict[str, Any]:
    """Without what cannot come back the same: ids become places, the moment of the export goes."""
    places = {row["id"]: index for index, row in enumerate(document["messages"])}
    rows = [
        {**row, "id": places[row["id"]], "parent_id": places.get(row["parent_id"])}
        for row in document["messages"]
    ]
    return {**document, "messages": rows, "head": places.get(document["head"]), "exported_at": ""}


def document(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    rows = [
        {
            "id": str(index),
            "parent_id": str(index - 1) if index else None,
            "role": "assistant" if index % 2 else "user",
            "content": f"text {index}",
            "created_at": "2026-01-15T10:30:00Z",
            **row,
        }
        for index, row in enumerate(messages)
    ]
    return {
        "format": "signalbox.conversation",
        "version": 1,
        "conversation": {"model": "chat"},
        "messages": rows,
        **more,
    }


def refused(actor: Actor, value: Any, **more: Any) -> str:
    before = Conversation.objects.count(), Message.objects.count()
    with pytest.raises(Invalid) as error:
        transfer.import_conversations(actor=actor, document=value, **more)
    assert (Conversation.objects.count(), Message.objects.count()) == before
    return error.value.fields[0].field


# ---------------------------------------------------------------- there and back

LINES = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=20).map(
    lambda text: normalize("NFC", text)  # as every door keeps a line
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=60)


@st.composite
def trees(draw: st.DrawFn) -> list[tuple[int | None, str, str]]:
    """Each message: what it follows, who said it, what."""
    made: list[tuple[int | None, str, str]] = []
    for index in range(draw(st.integers(0, 12))):
        above = draw(st.sampled_from([None, *range(index)]))
        follows = None if above is None else made[above][1]
        role = draw(st.sampled_from(["user", "assistant"])) if follows == "user" else "user"
        made.append((above, role, draw(TEXTS)))
    return made


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(tree=trees(), title=LINES, prompt=TEXTS, data=st.data())
def test_what_is_exported_comes_back_as_it_went(
    actor: Actor, tree: Any, title: str, prompt: str, data: st.DataObject
) -> None:
    talk = make_conversation_of(
        actor,
        title=title.strip(),
        system_prompt=prompt,
        model="chat",
        parameters={"temperature": 0.5},
        tags=["a", "ü"],
        context_tokens=4096,
        trimming="summary",
    )
    rows: list[Message] = []
    for above, role, text in tree:
        status = data.draw(st.sampled_from(rules.ENDED)) if role == "assistant" else "complete"
        parent = None if above is None else rows[above]
        rows.append(
            add_message(talk, text, parent=parent, role=role, status=status, reasoning=text[:5])
        )
    if rows:
        talk.head = data.draw(st.sampled_from(rows))
        talk.save()

    first = exported(actor, talk)
    (again,) = transfer.import_conversations(actor=actor, document=first)
    second = exported(actor, again)

    assert plain(second) == plain(first)
    assert {row["id"] for row in first["messages"]} & {
        row["id"] for row in second["messages"]
    } == set()


def test_what_is_imported_is_ones_own_and_private_and_is_found(actor: Actor) -> None:
    other = actor_of(make_member(Organization.objects.get(pk=actor.organization_id)))
    talk = make_shown_conversation_of(other, "a needle", "found", model="chat", title="Theirs")

    (made,) = transfer.import_conversations(actor=actor, document=exported(actor, talk))

    made.refresh_from_db()
    assert (made.owner, made.visibility, made.message_count) == (
        actor.principal,
        Visibility.PRIVATE,
        2,
    )
    assert made.created_at == talk.created_at
    hits = search_conversations(actor=actor, text="needle").rows
    assert {hit.conversation for hit in hits} == {made, talk}
    with unscoped(reason="a test reads the trail"):
        entries = AuditEntry.objects.filter(action=topics.CONVERSATION_IMPORTED)
        assert [entry.object_id for entry in entries] == [made.public_id]


def test_a_long_conversation_is_imported(actor: Actor) -> None:
    (made,) = transfer.import_conversations(actor=actor, document=document(*[{}] * 3000))

    assert made.message_count == 3000
    _, branch = exports.active_branch(actor=actor, conversation_id=made.public_id)
    assert branch == []  # no head was named
    _, rows = exports.whole_conversation(actor=actor, conversation_id=made.public_id)
    assert [row.parent_id for row in rows] == [None, *[row.pk for row in rows[:-1]]]


def test_only_what_one_may_read_is_exported(actor: Actor) -> None:
    other = actor_of(make_member(Organization.objects.get(pk=actor.organization_id)))
    talk = make_conversation_of(other, "text")

    for read in (exports.whole_conversation, exports.active_branch):
        with pytest.raises(NotFound):
            read(actor=actor, conversation_id=talk.public_id)


def test_without_the_permission_nothing_is_imported(actor: Actor) -> None:
    bare = replace(actor, identity=replace(actor.identity, permissions=frozenset()))

    with pytest.raises(PermissionDenied):
        transfer.import_conversations(actor=bare, document=document({}))


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (None, "body"),
        ([], "body"),
        ({}, "format"),
        ("text", "body"),
        ([7], "0"),
        (document({}, format="other"), "format"),
        (document({}, version=2), "version"),
        (document({}, version=True), "version"),
        (document({}, more=1), "more"),
        (document({}, conversation=7), "conversation"),
        (document({}, conversation={}), "conversation.model"),
        (document({}, conversation={"model": "chat", "owner": "me"}), "conversation.owner"),
        (document({}, conversation={"model": "chat", "tags": "a"}), "conversation.tags"),
        (document({}, conversation={"model": "chat", "title": "a\u202e"}), "conversation.title"),
        (
            document({}, conversation={"model": "chat", "parameters": {"messages": 1}}),
            "conversation.parameters.messages",
        ),
        (
            document({}, conversation={"model": "chat", "created_at": "1999-01-01"}),
            "conversation.created_at",
        ),
        (document({}, messages={}), "messages"),
        (document({}, messages=[7]), "messages.0"),
        (document({}, head="9"), "head"),
        (document({}, head=0), "head"),
        (document({"id": ""}), "messages.0.id"),
        (document({"id": 1}), "messages.0.id"),
        (document({"id": "a"}, {"id": "a", "parent_id": "a"}), "messages.1.id"),
        (document({"parent_id": "0"}), "messages.0.parent_id"),
        (document({"parent_id": "1"}, {}), "messages.0.parent_id"),
        (document({"role": "system"}), "messages.0.role"),
        (document({"role": "assistant"}), "messages.0.parent_id"),
        (document({}, {}, {"role": "assistant"}), "messages.2.parent_id"),
        (document({}, {"status": "generating"}), "messages.1.status"),
        (document({"status": "failed"}), "messages.0.status"),
        (document({"content": None}), "messages.0.content"),
        (document({"content": "a\x00"}), "messages.0.content"),
        (document({"content": "a" * 200_001}), "messages.0.content"),
        (document({"created_at": "yesterday"}), "messages.0.created_at"),
        (document({"created_at": 7}), "messages.0.created_at"),
        (document({"created_at": "0001-01-01T00:00:00+14:00"}), "messages.0.created_at"),
        (document({"created_at": "2999-01-01T00:00:00Z"}), "messages.0.created_at"),
        (document({}, {"tool_calls": [7]}), "messages.1.tool_calls"),
        (document({}, {"model": "a\nb"}), "messages.1.model"),
        (document({"cost": 1}), "messages.0.cost"),
        (document({}, conversation={"model": "nobody"}), "model"),
        ({"mapping": 7}, "mapping"),
        ({"mapping": {"a": 7}}, "mapping.a"),
        ({"mapping": {"a": {"parent": "b"}, "b": {"parent": "a"}}}, "mapping"),
    ],
)
def test_a_wrong_document_names_the_place_and_makes_nothing(
    actor: Actor, value: Any, field: str
) -> None:
    assert refused(actor, value) == field


def test_of_several_all_are_made_or_none(actor: Actor) -> None:
    good = {"mapping": {"a": node("user", "x")}, "title": "good"}

    assert refused(actor, [good, {"mapping": 7}], model="chat") == "1.mapping"


def test_too_much_is_refused(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MOST_MESSAGES", 3)
    monkeypatch.setattr(rules, "MOST_CONVERSATIONS", 2)
    one = {"mapping": {"a": node("user", "x"), "b": node("user", "y")}}

    assert refused(actor, document(*[{}] * 4)) == "messages"
    assert refused(actor, [one] * 3, model="chat") == "body"
    assert refused(actor, [one] * 2, model="chat") == "body"


# ---------------------------------------------------------------- ChatGPT's export


def node(
    role: str | None, *parts: Any, parent: str | None = None, **message: Any
) -> dict[str, Any]:
    if role is None:
        return {"parent": parent, "message": None}
    content = {"content_type": "text", "parts": list(parts)}
    return {"parent": parent, "message": {"author": {"role": role}, "content": content, **message}}


def test_chatgpts_export_is_read(actor: Actor) -> None:
    given = {
        "title": "A chat",
        "create_time": NOW.timestamp(),
        "current_node": "answer-2",
        "mapping": {
            "root": node(None),
            "system": node("system", "", parent="root"),
            "greeting": node("assistant", "Hello!", parent="system"),
            "q": node(
                "user", "What?", {"image": 1}, parent="greeting", create_time=NOW.timestamp()
            ),
            "answer-1": node("assistant", "First.", parent="q", metadata={"model_slug": "gpt-9"}),
            "tool": node("tool", "result", parent="answer-1"),
            "more": node("assistant", "Going on.", parent="tool"),
            "answer-2": node("assistant", "Second.", parent="q"),
        },
    }

    (made,) = transfer.import_conversations(actor=actor, document=[given], model="chat")

    rows = list(Message.objects.filter(conversation=made))
    names = {row.pk: row.content for row in rows}
    assert (made.title, made.model, made.created_at) == ("A chat", "chat", NOW)
    assert made.head is not None
    assert made.head.content == "Second."
    assert [(row.role, row.content, names.get(row.parent_id or 0), row.model) for row in rows] == [
        ("user", "What?", None, ""),
        ("assistant", "First.\n\nGoing on.", "What?", "gpt-9"),
        ("assistant", "Second.", "What?", ""),
    ]
    assert rows[0].created_at == NOW


def test_chatgpts_export_needs_a_model_of_ours(actor: Actor) -> None:
    given = {"mapping": {"a": node("user", "x")}}

    assert refused(actor, given) == "model"
    assert refused(actor, given, model="nobody") == "model"


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["mapping", "parent", "message", "author", "role", "content", "parts", "create_time",
                 "title", "current_node", "a", "metadata"]
            ),
            inner,
            max_size=4,
        ),
        max_leaves=20,
    )
)  # fmt: skip
def test_no_document_breaks_anything(value: Any) -> None:
    for document_ in (value, {"mapping": value}, {"mapping": {"a": value}}):
        with suppress(Invalid):
            rules.read_document(document_, now=NOW)


# ---------------------------------------------------------------- Markdown and names


def test_markdown_tells_the_active_branch(actor: Actor) -> None:
    talk = make_conversation_of(
        actor, "other", title="*Signals* #1", model="chat", created_at=NOW, system_prompt="secret"
    )
    add_branch(talk, "What?", "**This**.\n\n- a")
    Message.objects.update(created_at=NOW + timedelta(minutes=1))
    Message.objects.filter(content="What?").update(files=[{"name": "a_b.txt"}])

    told = documents.to_markdown(
        *exports.active_branch(actor=actor, conversation_id=talk.public_id)
    )

    assert told == (
        "# \\*Signals\\* \\#1\n\n*chat, 2026-01-15 10:30 UTC*\n\n---\n\n**User** · 2026-01-15 10:31\n\n"
        "*Attached: a\\_b.txt*\n\nWhat?\n\n---\n\n**chat** · 2026-01-15 10:31\n\n**This**.\n\n- a\n"
    )


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Signals", "Signals.json"),
        ("../../etc/passwd", "etc passwd.json"),
        ('a"b\r\nSet-Cookie: x', "a b Set-Cookie x.json"),
        ("Grüße, 東京", "Grüße 東京.json"),
        ("...", "conversation.json"),
        ("", "conversation.json"),
        ("a" * 300, "a" * 100 + ".json"),
        ("a\u202egnp", "a gnp.json"),
    ],
)
def test_file_name(title: str, name: str) -> None:
    assert documents.file_name(title, "json") == name


def test_the_document_is_plain_json(actor: Actor) -> None:
    talk = make_conversation_of(actor, "q", model="chat")

    assert json.loads(json.dumps(exported(actor, talk)))["format"] == "signalbox.conversation"


def test_an_answer_in_thousands_of_pieces_is_put_together_once(actor: Actor) -> None:
    nodes = {"0": node("user", "Hello")}
    nodes |= {str(n): node("assistant", "x" * 100, parent=str(n - 1)) for n in range(1, 9_001)}
    given = {"mapping": nodes}
    began = time.process_time()
    (parcel,) = rules.read_document(given, now=timezone.now())
    took = time.process_time() - began

    assert [len(message.content) for message in parcel.messages] == [5, 9_000 * 102 - 2]
    assert took < 1.5  # each piece added to all before it took far longer

    nodes |= {"more": node("assistant", "x" * 100_000, parent="9000")}
    assert refused(actor, given, model="chat") == "mapping"
