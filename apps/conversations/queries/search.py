"""Full text over the titles and messages an actor may read, one row a conversation.

Titles come before messages, then what matches best. Of messages the newest thousand that match are weighed, so that a
word that everybody uses costs no more than any other. The two databases keep their indexes themselves (migration 0002)
and are asked here in their own words; what comes of it is the same but for the weight of a match.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from apps.conversations.domain import search as words
from apps.conversations.enums import Visibility
from apps.conversations.models import Conversation, Message
from apps.conversations.permissions import ConversationsPermission
from apps.core.actor import Actor
from apps.core.errors import Invalid
from apps.core.pagination import DEFAULT_LIMIT, Page
from apps.core.permissions import require

MOST_WEIGHED = 1000
LONGEST_QUERY = 300


@dataclass(frozen=True, slots=True)
class Hit:
    """A conversation that matches; `message` is its best match among its messages, if there is one."""

    conversation: Conversation
    title: list[words.Piece]
    message: Message | None
    snippet: list[words.Piece]
    matches: int
    """Messages that match."""


@dataclass(slots=True)
class _Found:
    in_title: bool = False
    weight: float = 0.0
    message: int = 0
    matches: int = 0
    newest: int = field(default=0)

    @property
    def rank(self) -> tuple[bool, float, int]:
        return self.in_title, self.weight, self.newest


def search_conversations(
    *, actor: Actor, text: str | None, page: int = 1, limit: int = DEFAULT_LIMIT
) -> Page:
    """Rows are `Hit`s. Quotes hold a phrase together, the last word may be its beginning; all must be found.

    No text is a wrong query: one without a word in it finds nothing.
    """
    require(actor, ConversationsPermission.VIEW)
    if text is None or len(text) > LONGEST_QUERY:
        raise Invalid.field("q", f"must be a text of at most {LONGEST_QUERY} characters", "length")
    query = words.parse_query(text)
    found = _find(actor, query) if query else {}
    ordered = sorted(found, key=lambda number: (found[number].rank, number), reverse=True)
    start = (page - 1) * limit
    rows = _hits({number: found[number] for number in ordered[start : start + limit]}, query)
    meta = {
        "page": page,
        "limit": limit,
        "total": len(ordered),
        "total_pages": -(-len(ordered) // limit),
    }
    return Page(rows, meta)


def _find(actor: Actor, query: tuple[words.Clause, ...]) -> dict[int, _Found]:
    ask = _ask_sqlite if connection.vendor == "sqlite" else _ask_postgres
    titles, messages = ask(actor, query)
    found: dict[int, _Found] = {}
    for (number,) in titles:
        found.setdefault(number, _Found()).in_title = True
    for message, number, weight in messages:
        one = found.setdefault(number, _Found())
        one.matches += 1
        one.newest = max(one.newest, message)
        if not one.message or weight > one.weight:
            one.message, one.weight = message, weight
    return found


def _hits(found: dict[int, _Found], query: tuple[words.Clause, ...]) -> list[Hit]:
    """Texts are read for the page alone."""
    conversations = Conversation.objects.defer("system_prompt").in_bulk(list(found))
    texts = Message.objects.only("public_id", "role", "content", "created_at", "conversation_id")
    messages = texts.in_bulk([one.message for one in found.values() if one.message])
    hits = []
    for number, one in found.items():
        conversation, message = conversations.get(number), messages.get(one.message)
        if conversation is None:
            continue  # removed this moment
        title = words.snippet(conversation.title, query)
        pieces = words.snippet(message.content, query) if message else []
        hits.append(Hit(conversation, title, message, pieces, one.matches))
    return hits


# ---------------------------------------------------------------- SQLite

_SQLITE_TITLES = """
SELECT c.id FROM conversations_titles t JOIN conversations_conversation c ON c.id = t.rowid
WHERE conversations_titles MATCH %s AND c.organization_id = %s
  AND (c.owner = %s OR c.visibility = %s)
ORDER BY t.rowid DESC LIMIT %s
"""
_SQLITE_MESSAGES = """
SELECT m.id, m.conversation_id, -bm25(conversations_words, 0.0, 1.0)
FROM conversations_words w
  JOIN conversations_message m ON m.id = w.rowid
  JOIN conversations_conversation c ON c.id = m.conversation_id
WHERE conversations_words MATCH %s AND c.organization_id = %s
  AND (c.owner = %s OR c.visibility = %s)
ORDER BY w.rowid DESC LIMIT %s
"""


def _ask_sqlite(actor: Actor, query: tuple[words.Clause, ...]) -> tuple[list[Any], list[Any]]:
    own = f"w{actor.principal.replace('_', '')}"
    places = f'place : ("{own}" OR "o{actor.organization_id}")'
    terms = " AND ".join(
        f'"{" ".join(clause.words)}"{" *" if clause.is_prefix else ""}' for clause in query
    )
    asked = f"{places} AND content : ({terms})"
    return _both(_SQLITE_TITLES, _SQLITE_MESSAGES, actor, [asked])


# ---------------------------------------------------------------- PostgreSQL

_POSTGRES_TITLES = """
SELECT id FROM conversations_conversation
WHERE words @@ %s::tsquery AND organization_id = %s AND (owner = %s OR visibility = %s)
ORDER BY id DESC LIMIT %s
"""
# The limit holds before the weighing: a weight reads the whole vector.
_POSTGRES_MESSAGES = """
WITH hits AS MATERIALIZED (
  SELECT m.id, m.conversation_id, m.words, %s::tsquery AS asked
  FROM conversations_message m JOIN conversations_conversation c ON c.id = m.conversation_id
  WHERE m.words @@ %s::tsquery AND c.organization_id = %s AND (c.owner = %s OR c.visibility = %s)
  ORDER BY m.id DESC LIMIT %s
)
SELECT id, conversation_id, ts_rank(words, asked, 1) FROM hits
"""


def _ask_postgres(actor: Actor, query: tuple[words.Clause, ...]) -> tuple[list[Any], list[Any]]:
    asked = " & ".join(_tsquery(clause) for clause in query)
    titles = _rows(_POSTGRES_TITLES, [asked, *_bounds(actor)])
    return titles, _rows(_POSTGRES_MESSAGES, [asked, asked, *_bounds(actor)])


def _tsquery(clause: words.Clause) -> str:
    """Letters and digits in quotes: nothing of them is a sign to the database."""
    lexemes = [f"'{word}'" for word in clause.folded]
    if clause.is_prefix:
        lexemes[-1] += ":*"
    return f"({' <-> '.join(lexemes)})"


def _both(
    titles: str, messages: str, actor: Actor, asked: Sequence[Any]
) -> tuple[list[Any], list[Any]]:
    params = [*asked, *_bounds(actor)]
    return _rows(titles, params), _rows(messages, params)


def _bounds(actor: Actor) -> list[Any]:
    # Said aloud: a query in SQL passes the managers by, which hold the organization otherwise.
    return [actor.organization_id, actor.principal, Visibility.ORGANIZATION.value, MOST_WEIGHED]


def _rows(sql: str, params: Sequence[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())
