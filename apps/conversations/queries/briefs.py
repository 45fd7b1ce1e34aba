"""All an engine has to know to write one answer, read in one go: who said what before, by which terms."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import QuerySet

from apps.conversations.domain.context import Picture, Turn
from apps.conversations.enums import Trimming
from apps.conversations.models import Conversation, Message, Summary
from apps.conversations.queries import uploads
from apps.conversations.queries.messages import tree_of
from apps.core.errors import Unavailable
from apps.core.files import files
from apps.core.models import StoredFile
from apps.core.tenancy import organization_scope

PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
MOST_TEXT = 400_000
"""Characters of one attached text that a model is given."""
MOST_BYTES = 64 * 1024 * 1024
"""Of all files of a call, the newest first: one file may stand in a thousand messages."""
MOST_TOKENS = 2_000_000
"""Where nobody knows how much a model reads: more than any does is not even looked at."""
PAGE = 200


@dataclass(frozen=True, slots=True)
class Terms:
    """What a conversation says of its calls."""

    system_prompt: str
    parameters: dict[str, Any]
    trimming: Trimming
    context_tokens: int | None


@dataclass(frozen=True, slots=True)
class Brief:
    terms: Terms
    turns: tuple[Turn, ...]
    """What was said before, oldest first. Of a branch that is far beyond the budget only its end."""
    older: int
    """Messages of the branch before the turns, summed up or not."""
    summary: str = ""
    """Of all before the turns."""
    so_far: str = ""
    """Of an answer that is continued."""
    reasoning: str = ""
    spent: tuple[int | None, int | None, int | None] = (None, None, None)
    """Prompt tokens, completion tokens and nano dollars of the calls that wrote it until now."""
    is_another: bool = False
    """Whether the same was answered before."""


@dataclass(frozen=True, slots=True)
class Row:
    """Of a message, what a model may be given of it."""

    pk: int
    parent: int | None
    role: str
    content: str
    files: list[Any]


def brief_of(
    *,
    message: Message,
    conversation: Conversation,
    sees_pictures: bool = True,
    most_tokens: int | None = None,
) -> Brief:
    """Reads the newest messages first, and no further back than could be of use. One query for most conversations."""
    with organization_scope(message.organization_id):
        path, rows, is_another = _branch(conversation, message)
        total = len(path)
        summary = _newest_summary(conversation, path)
        if summary is not None:
            path = path[path.index(summary.until_id) + 1 :]
        turns, empty = _newest_turns(path, rows, most_tokens or MOST_TOKENS, sees_pictures)
        return Brief(
            terms=_terms(conversation),
            turns=tuple(_with_files(conversation, turns)),
            older=total - len(turns) - empty,
            summary=summary.text if summary is not None else "",
            so_far=message.content,
            reasoning=message.reasoning,
            spent=(message.prompt_tokens, message.completion_tokens, message.cost_nano),
            is_another=is_another,
        )


def _branch(conversation: Conversation, message: Message) -> tuple[list[int], dict[int, Row], bool]:
    """The branch above an answer, the rows read so far, and whether the same was answered before.

    The newest messages are as a rule all of it, and then the tree is not read.
    """
    rows = _rows(Message.objects.filter(conversation=conversation).order_by("-pk")[:PAGE])
    path: list[int] = []
    at = message.parent_id
    while at is not None and at in rows:
        path.append(at)
        at = rows[at].parent
    if at is None:
        beside = [row for row in rows.values() if row.parent == message.parent_id]
        return path[::-1], rows, any(row.pk != message.pk for row in beside)
    tree = tree_of(conversation)
    return tree.path(message.parent_id), rows, len(tree.children(message.parent_id)) > 1


def _rows(found: QuerySet[Message]) -> dict[int, Row]:
    columns = found.values_list("pk", "parent_id", "role", "content", "files")
    return {values[0]: Row(*values) for values in columns}


def _terms(conversation: Conversation) -> Terms:
    return Terms(
        system_prompt=conversation.system_prompt,
        parameters=dict(conversation.parameters),
        trimming=Trimming(conversation.trimming),
        context_tokens=conversation.context_tokens,
    )


def _newest_summary(conversation: Conversation, path: Sequence[int]) -> Summary | None:
    """The one of this branch that reaches furthest. Only conversations that sum up look for one."""
    if conversation.trimming != Trimming.SUMMARY:
        return None
    on_branch = set(path)
    rows = Summary.objects.filter(conversation=conversation).order_by("-until_id")
    return next((row for row in rows if row.until_id in on_branch), None)


def _newest_turns(
    path: Sequence[int], rows: dict[int, Row], most: int, sees_pictures: bool
) -> tuple[list[Turn], int]:
    """From the end, page by page, until twice the budget is reached: what a summary is made of is read too.

    Also how many say nothing: an answer that came to nothing is no message, and some models take offence.
    """
    found: list[Turn] = []
    tokens = empty = 0
    for end in range(len(path), 0, -PAGE):
        numbers = path[max(0, end - PAGE) : end]
        if missing := [number for number in numbers if number not in rows]:
            rows |= _rows(Message.objects.filter(pk__in=missing))
        for row in (rows[number] for number in reversed(numbers) if number in rows):
            if not (row.content or row.files):
                empty += 1
                continue
            turn = _turn(row, sees_pictures=sees_pictures)
            found.append(turn)
            tokens += turn.tokens
        if tokens > 2 * most:
            break
    return found[::-1], empty


def _turn(row: Row, *, sees_pictures: bool) -> Turn:
    named = [each for each in row.files if isinstance(each, dict)]
    content = row.content
    for each in named:
        if _is_picture(each) and not sees_pictures:
            content += f"\n\n[Attached picture: {each.get('name', '')}]"
    wanted = [each for each in named if sees_pictures or not _is_picture(each)]
    return Turn(row.pk, row.role, content, files=tuple(wanted))


def _is_picture(file: dict[str, Any]) -> bool:
    return str(file.get("content_type", "")).startswith(PICTURES)


def _with_files(conversation: Conversation, turns: list[Turn]) -> list[Turn]:
    """With what was attached: pictures as pictures, texts as text."""
    wanted = [str(file.get("id", "")) for turn in turns for file in turn.files]
    if not wanted:
        return turns
    rows = uploads.contents_of(conversation.public_id, wanted)
    left, filled = MOST_BYTES, []
    for turn in reversed(turns):
        taken: dict[str, StoredFile] = {}
        for row in (rows[name] for file in turn.files if (name := str(file.get("id", ""))) in rows):
            if (size := _size_read(row)) <= left:
                left -= size
                taken[row.public_id] = row
        filled.append(_filled(turn, taken) if turn.files else turn)
    return filled[::-1]


def _filled(turn: Turn, rows: dict[str, StoredFile]) -> Turn:
    content, pictures = turn.content, list(turn.pictures)
    for file in turn.files:
        row = rows.get(str(file.get("id", "")))
        if row is None:
            content += f"\n\n[Attached file: {file.get('name', '')}, which is not shown here]"
            continue
        try:
            if _is_picture(file):
                pictures.append(_picture(row))
            else:
                content += f"\n\n[Attached file: {row.name}]\n{_text(row)}"
        except Unavailable:
            content += f"\n\n[Attached file: {row.name}, which cannot be read at present]"
    return replace(turn, content=content, pictures=tuple(pictures), files=())


def _picture(row: StoredFile) -> Picture:
    with files.open(row) as stream:
        return Picture(row.content_type.partition(";")[0], base64.b64encode(stream.read()).decode())


def _size_read(row: StoredFile) -> int:
    if _is_text(row):
        return min(row.size, MOST_TEXT * 4)
    return row.size if row.content_type.startswith(PICTURES) else 0


def _is_text(row: StoredFile) -> bool:
    return row.content_type.startswith(("text/", "application/json"))


def _text(row: StoredFile) -> str:
    if not _is_text(row):
        return f"({row.size} bytes of {row.content_type})"
    with files.open(row) as stream:
        text = stream.read(MOST_TEXT * 4).decode("utf-8", "replace")
    return text[:MOST_TEXT]
