"""Search, links, documents and uploads through GraphQL say what the services say, refusals included."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from apps.conversations.enums import Visibility
from apps.conversations.services import uploads
from apps.core.tenancy import organization_scope
from tests.client import GateClient
from tests.conversations.graphql.conftest import Person
from tests.factories.conversations import make_branch, make_conversation, make_message

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
SEARCH = "query ($text: String!, $first: Int, $after: String) { searchConversations(text: $text, first: $first, after: $after) { totalCount pageInfo { endCursor } nodes { conversation { id } title { text isMatch } matches message { id role snippet { text isMatch } } } } }"
SHARE = "mutation ($id: ID!, $s: Int) { shareConversation(id: $id, expiresIn: $s) { url share { expiresAt createdAt } } }"
END = "mutation ($id: ID!) { endShare(id: $id) { id } }"
STANDS = "query ($id: ID!) { conversationShare(id: $id) { createdAt expiresAt } }"
SHOWN = "query ($t: String!) { sharedConversation(token: $t) { title model messages { role content files { name } } } }"
UPLOAD = "query ($id: ID!) { upload(id: $id) { id name size contentType conversationId } }"
DOCUMENT = "query ($id: ID!) { conversationDocument(id: $id) }"
MARKDOWN = "query ($id: ID!) { conversationMarkdown(id: $id) }"
IMPORT = "mutation ($d: JSON!, $model: String) { importConversations(document: $d, model: $model) { conversations { id title messageCount visibility owner { id } } } }"
DROP = "mutation ($id: ID!) { deleteUpload(id: $id) { id } }"


@pytest.fixture(autouse=True)
def _apart(settings: Any, tmp_path: Path) -> None:
    settings.SIGNALBOX_DATA_DIR = tmp_path


def keep(who: Person) -> str:
    with organization_scope(who.actor.organization_id):
        kept = uploads.keep_upload(
            actor=who.actor, stream=io.BytesIO(b"a,b\n"), name="a.csv", content_type="text/csv"
        )
    return kept.public_id


def test_search_tells_where_the_words_stand(ada: Person, ben: Person, stranger: Person) -> None:
    conversation = make_conversation(ada.actor, title="Signals")
    found = make_message(conversation, content="A distant signal")
    for who in (ben, stranger):
        make_message(make_conversation(who.actor), content="A distant signal")

    assert ada.done(SEARCH, text="distant") == {
        "totalCount": 1,
        "pageInfo": {"endCursor": None},
        "nodes": [
            {
                "conversation": {"id": conversation.public_id},
                "title": [{"text": "Signals", "isMatch": False}],
                "matches": 1,
                "message": {
                    "id": found.public_id,
                    "role": "user",
                    "snippet": [
                        {"text": "A ", "isMatch": False},
                        {"text": "distant", "isMatch": True},
                        {"text": " signal", "isMatch": False},
                    ],
                },
            }
        ],
    }


def test_search_in_pages(ada: Person) -> None:
    made = [make_conversation(ada.actor, title=f"Signal {n}").public_id for n in range(3)]

    first = ada.done(SEARCH, text="signal", first=2)
    last = ada.done(SEARCH, text="signal", first=2, after=first["pageInfo"]["endCursor"])

    found = [row["conversation"]["id"] for part in (first, last) for row in part["nodes"]]
    assert (sorted(found), len(first["nodes"])) == (sorted(made), 2)
    assert ada.refused(SEARCH, text="x" * 301)[0] == "INVALID"


def test_a_link_from_its_making_to_its_end(ada: Person, ben: Person, stranger: Person) -> None:
    conversation = make_conversation(ada.actor, title="Rails")
    make_branch(conversation, 2, "m")
    where = {"id": conversation.public_id}

    made = ada.done(SHARE, **where, s=3600)
    token = made["url"].rsplit("/", 1)[1]
    shown = stranger.done(SHOWN, t=token)
    stands = ada.done(STANDS, **where)
    refused = {
        who.refused(query, **where)[0] for who in (ben, stranger) for query in (SHARE, END, STANDS)
    }
    ended = ada.done(END, **where)

    assert shown == {
        "title": "Rails",
        "model": "chat",
        "messages": [
            {"role": "user", "content": "m 0", "files": []},
            {"role": "assistant", "content": "m 1", "files": []},
        ],
    }
    assert stands == made["share"]
    assert refused == {"NOT_FOUND"}
    assert ended == where
    assert stranger.refused(SHOWN, t=token)[0] == ada.refused(STANDS, **where)[0] == "NOT_FOUND"


def test_links_that_are_not_made(ada: Person, ben: Person) -> None:
    empty = make_conversation(ada.actor).public_id
    shown = make_conversation(ada.actor, visibility=Visibility.ORGANIZATION)
    make_message(shown)

    assert ada.refused(SHARE, id=empty) == ("CONFLICT", "nothing_to_share")
    assert ada.refused(SHARE, id=shown.public_id, s=1)[0] == "INVALID"
    assert ben.refused(SHARE, id=shown.public_id) == ("DENIED", "not_the_owner")
    assert ben.refused(STANDS, id=shown.public_id) == ("DENIED", "not_the_owner")


def test_a_link_asks_for_somebody_here(ada: Person) -> None:
    body = {"query": SHOWN, "variables": {"t": "x" * 43}}

    answer = GateClient().post("/graphql", body).json()

    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_uploads_are_their_owner_s(
    ada: Person, ben: Person, viewer: Person, stranger: Person
) -> None:
    name = keep(ada)

    assert ada.done(UPLOAD, id=name) == {
        "id": name,
        "name": "a.csv",
        "size": 4,
        "contentType": "text/csv; charset=utf-8",
        "conversationId": None,
    }
    assert {
        who.refused(query, id=name)[0] for who in (ben, stranger) for query in (UPLOAD, DROP)
    } == {"NOT_FOUND"}
    assert viewer.refused(DROP, id=name)[0] == "DENIED"
    assert ada.done(DROP, id=name) == {"id": name}
    assert ada.refused(UPLOAD, id=name)[0] == "NOT_FOUND"


def test_what_is_taken_away_can_be_brought_in(ada: Person, ben: Person, stranger: Person) -> None:
    conversation = make_conversation(ada.actor, title="Rails", model="chat")
    make_branch(conversation, 3, "m")
    where = {"id": conversation.public_id}

    document = ada.done(DOCUMENT, **where)
    (made,) = ben.done(IMPORT, d=document)["conversations"]

    assert document["format"] == "signalbox.conversation"
    assert made == {
        "id": made["id"],
        "title": "Rails",
        "messageCount": 3,
        "visibility": "private",
        "owner": {"id": ben.actor.principal},
    }
    assert "m 0" in ada.done(MARKDOWN, **where)
    assert {
        who.refused(query, **where)[0] for who in (ben, stranger) for query in (DOCUMENT, MARKDOWN)
    } == {"NOT_FOUND"}


@pytest.mark.parametrize("document", [{}, [], "text", {"format": "other"}, None, [{"mapping": 3}]])
def test_documents_that_are_none(ada: Person, document: Any) -> None:
    assert ada.refused(IMPORT, d=document)[0] == "INVALID"


def test_a_viewer_brings_nothing_in(viewer: Person) -> None:
    assert viewer.refused(IMPORT, d={})[0] == "DENIED"
