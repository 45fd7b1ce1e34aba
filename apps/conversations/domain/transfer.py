"""Conversations as documents: ours, which comes back as it went, and ChatGPT's export, which is read.

What travels is what was said and how the conversation was set. What stays: ids, costs, feedback, the bytes of files,
who may read it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from apps.conversations.domain import terms
from apps.conversations.enums import MessageRole, MessageStatus, Trimming
from apps.core import json
from apps.core.errors import Invalid

FORMAT = "signalbox.conversation"
VERSION = 1
MOST_CONVERSATIONS = 500
MOST_MESSAGES = 20_000
"""Of one document, whatever number of conversations it holds."""
LONGEST_ANSWER = 1_000_000
LONGEST_ID = 100
LONGEST_MODEL = 100
LONGEST_CALLS = 100_000
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)

ENDED = tuple(str(status) for status in MessageStatus if status != MessageStatus.GENERATING)
_TOP = frozenset({"format", "version", "exported_at", "conversation", "messages", "head"})
_CONVERSATION = frozenset(
    {"title", "is_title_given", "model", "system_prompt", "parameters", "trimming", "context_tokens",
     "tags", "created_at"}
)  # fmt: skip
_MESSAGE = frozenset(
    {"id", "parent_id", "role", "content", "status", "reasoning", "tool_calls", "model",
     "created_at", "attachments"}
)  # fmt: skip


@dataclass(slots=True)
class ParcelMessage:
    """`parent` is the place in the list of messages of what it follows: always an earlier one."""

    role: str
    content: str
    parent: int | None
    created_at: datetime
    status: str = MessageStatus.COMPLETE
    reasoning: str = ""
    tool_calls: list[Any] = field(default_factory=list)
    model: str = ""


@dataclass(slots=True)
class Parcel:
    """One conversation that is to be made. `settings` are columns by name, all checked but the model."""

    model: str
    settings: dict[str, Any]
    messages: list[ParcelMessage]
    head: int | None


def read_document(document: Any, *, now: datetime) -> list[Parcel]:
    """Ours or ChatGPT's, whatever it is. Raises `Invalid` with the place of what is wrong."""
    if isinstance(document, Mapping) and document.get("format") == FORMAT:
        parcels = [_read_ours(document, now)]
    elif isinstance(document, Mapping) and "mapping" in document:
        parcels = [read_foreign(document, "", now)]
    elif isinstance(document, list) and document:
        parcels = _read_many(document, now)
    else:
        said = f"must be a document of the format {FORMAT}, or ChatGPT's conversations"
        raise Invalid.field("format" if isinstance(document, Mapping) else "body", said, "choice")
    if sum(len(parcel.messages) for parcel in parcels) > MOST_MESSAGES:
        raise Invalid.field("body", f"may hold {MOST_MESSAGES} messages", "max_length")
    return parcels


def _read_many(document: list[Any], now: datetime) -> list[Parcel]:
    if len(document) > MOST_CONVERSATIONS:
        raise Invalid.field("body", f"may hold {MOST_CONVERSATIONS} conversations", "max_length")
    return [
        read_foreign(_object(each, str(index)), f"{index}.", now)
        for index, each in enumerate(document)
    ]


# ---------------------------------------------------------------- ours


def _read_ours(document: Mapping[str, Any], now: datetime) -> Parcel:
    _refuse_unknown(document, _TOP, "")
    if document.get("version") != VERSION or isinstance(document.get("version"), bool):
        raise Invalid.field("version", f"must be {VERSION}", "choice")
    given = _object(document.get("conversation"), "conversation")
    _refuse_unknown(given, _CONVERSATION, "conversation.")
    rows = document.get("messages")
    if not isinstance(rows, list):
        raise Invalid.field("messages", "must be a list", "not_a_list")
    if len(rows) > MOST_MESSAGES:
        raise Invalid.field("messages", f"may have {MOST_MESSAGES} entries", "max_length")
    places: dict[str, int] = {}
    messages: list[ParcelMessage] = []
    for index, row in enumerate(rows):
        messages.append(_read_message(row, index, places, messages, now))
    head = document.get("head")
    return Parcel(
        model=_line(given.get("model"), "conversation.model", LONGEST_MODEL),
        settings=_read_settings(given, now),
        messages=messages,
        head=None if head is None else _place(head, "head", places),
    )


def _read_settings(given: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    checks: dict[str, Any] = {
        "title": terms.check_title,
        "is_title_given": lambda value: terms.check_flag(value, "is_title_given"),
        "system_prompt": lambda value: terms.check_text(
            value, "system_prompt", longest=terms.LONGEST_PROMPT, may_be_empty=True
        ),
        "parameters": terms.check_parameters,
        "trimming": lambda value: terms.check_word(value, "trimming", Trimming),
        "context_tokens": terms.check_context_tokens,
        "tags": terms.check_tags,
        "created_at": lambda value: _moment(value, "created_at", now),
    }
    found: dict[str, Any] = {}
    for name, check in checks.items():
        if name not in given:
            continue
        try:
            found[name] = check(given[name])
        except Invalid as error:
            raise _within(error, "conversation.") from None
    return found


def _read_message(
    row: Any, index: int, places: dict[str, int], before: list[ParcelMessage], now: datetime
) -> ParcelMessage:
    at = f"messages.{index}"
    given = _object(row, at)
    _refuse_unknown(given, _MESSAGE, f"{at}.")
    parent = given.get("parent_id")
    # Read before its own id is known: nothing follows itself, or what comes after it.
    above = None if parent is None else _place(parent, f"{at}.parent_id", places)
    own = _line(given.get("id"), f"{at}.id", LONGEST_ID)
    if own in places:
        raise Invalid.field(f"{at}.id", "is another message's too", "unique")
    places[own] = index
    role = given.get("role")
    if role not in tuple(MessageRole):
        raise Invalid.field(f"{at}.role", f"must be one of {', '.join(MessageRole)}", "choice")
    is_answer = role == MessageRole.ASSISTANT
    if is_answer and (above is None or before[above].role != MessageRole.USER):
        raise Invalid.field(f"{at}.parent_id", "must name what it answers", "parent")
    status = given.get("status", str(MessageStatus.COMPLETE))
    if status not in (ENDED if is_answer else ENDED[:1]):
        raise Invalid.field(f"{at}.status", f"must be one of {', '.join(ENDED)}", "choice")
    longest = LONGEST_ANSWER if is_answer else terms.LONGEST_MESSAGE
    return ParcelMessage(
        role=str(role),
        content=_text(given.get("content"), f"{at}.content", longest),
        parent=above,
        created_at=_moment(given.get("created_at"), f"{at}.created_at", now),
        status=str(status),
        reasoning=_text(given.get("reasoning", ""), f"{at}.reasoning", LONGEST_ANSWER),
        tool_calls=_calls(given.get("tool_calls", []), f"{at}.tool_calls"),
        model=_line(given.get("model", ""), f"{at}.model", LONGEST_MODEL, may_be_empty=True),
    )


# ---------------------------------------------------------------- ChatGPT's


def read_foreign(document: Mapping[str, Any], at: str, now: datetime) -> Parcel:
    """One conversation of ChatGPT's export: a mapping of nodes. Of what is no text of a person or model nothing is kept."""
    nodes = _object(document.get("mapping"), f"{at}mapping")
    if len(nodes) > MOST_MESSAGES:
        raise Invalid.field(f"{at}mapping", f"may have {MOST_MESSAGES} entries", "max_length")
    messages: list[ParcelMessage] = []
    pieces: list[list[str]] = []
    places: dict[str, int | None] = {}
    for name in _in_order(nodes, f"{at}mapping"):
        above = places.get(str(nodes[name].get("parent")))
        message = _foreign_message(
            nodes[name].get("message"), above, f"{at}mapping.{name[:50]}", now
        )
        places[name] = _joined(message, above, messages, pieces)
    for message, parts in zip(messages, pieces, strict=True):
        message.content = _text("\n\n".join(parts), f"{at}mapping", LONGEST_ANSWER)
    current = document.get("current_node")
    head = places.get(str(current)) if isinstance(current, str) else None
    begun = _foreign_moment(document.get("create_time"), now)
    title = _foreign_title(document.get("title"))
    return Parcel(
        model=_foreign_model(document.get("default_model_slug")),
        settings={"title": title, "is_title_given": bool(title), "created_at": begun or now},
        messages=messages,
        head=head if head is not None else (len(messages) - 1 if messages else None),
    )


def _in_order(nodes: Mapping[str, Any], at: str) -> list[str]:
    """Parents before their children, and otherwise as they stand. Raises `Invalid` for what leads in circles."""
    children: dict[str | None, list[str]] = {}
    for name, node in nodes.items():
        parent = _object(node, f"{at}.{name[:50]}").get("parent")
        known = parent if isinstance(parent, str) and parent in nodes else None
        children.setdefault(known, []).append(name)
    ordered: list[str] = []
    waiting = children.get(None, [])[::-1]
    while waiting:
        name = waiting.pop()
        ordered.append(name)
        waiting += children.get(name, [])[::-1]
    if len(ordered) < len(nodes):
        raise Invalid.field(at, "leads in a circle", "circle")
    return ordered


def _foreign_message(given: Any, above: int | None, at: str, now: datetime) -> ParcelMessage | None:
    if not isinstance(given, Mapping):
        return None
    author, content = given.get("author"), given.get("content")
    role = author.get("role") if isinstance(author, Mapping) else None
    if role not in tuple(MessageRole) or not isinstance(content, Mapping):
        return None
    parts = content.get("parts")
    texts = [part for part in parts if isinstance(part, str)] if isinstance(parts, list) else []
    text = _text("\n\n".join(texts), f"{at}.message.content", LONGEST_ANSWER)
    if not text.strip():
        return None
    about = given.get("metadata")
    model = about.get("model_slug") if isinstance(about, Mapping) else None
    said_at = _foreign_moment(given.get("create_time"), now)
    return ParcelMessage(str(role), text, above, said_at or now, model=_foreign_model(model))


def _joined(
    message: ParcelMessage | None,
    above: int | None,
    messages: list[ParcelMessage],
    pieces: list[list[str]],
) -> int | None:
    """Where a node stands in the end: for one that is not kept, where what it follows does.

    `pieces` are the texts of each, put together once: of thousands each would copy all before it.
    """
    if message is None:
        return above
    if message.role == MessageRole.ASSISTANT:
        if above is None:
            return None  # a greeting that answers nothing
        if messages[above].role == MessageRole.ASSISTANT:
            pieces[above].append(message.content)  # it went on after a tool
            return above
        message.model = message.model or ""
    else:
        message.model = ""
    messages.append(message)
    pieces.append([message.content])
    return len(messages) - 1


def _foreign_moment(value: Any, now: datetime) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not EARLIEST.timestamp() <= value <= now.timestamp():
        return None
    return datetime.fromtimestamp(value, UTC)


def _foreign_model(value: Any) -> str:
    return value if isinstance(value, str) and re.fullmatch(r"[\w./:-]{1,100}", value) else ""


def _foreign_title(value: Any) -> str:
    try:
        return terms.check_title(value[: terms.LONGEST_TITLE] if isinstance(value, str) else "")
    except Invalid:
        return ""


# ---------------------------------------------------------------- what both need


def _object(value: Any, at: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Invalid.field(at, "must be an object", "not_a_dict")
    return value


def _refuse_unknown(given: Mapping[str, Any], known: frozenset[str], at: str) -> None:
    unknown = sorted(given.keys() - known)
    if unknown:
        raise Invalid.field(f"{at}{json.shown(unknown[0])}", "is not a field here", "unknown_field")


def _text(value: Any, at: str, longest: int) -> str:
    return terms.check_text(value, at, longest=longest, may_be_empty=True)


def _line(value: Any, at: str, longest: int, *, may_be_empty: bool = False) -> str:
    text = terms.check_text(value, at, longest=longest, may_be_empty=may_be_empty)
    if not text.isprintable():
        raise Invalid.field(at, "must not hold control characters", "control")
    return text


def _place(value: Any, at: str, places: Mapping[str, int]) -> int:
    if not isinstance(value, str) or value not in places:
        raise Invalid.field(at, "names no earlier message", "not_found")
    return places[value]


def _calls(value: Any, at: str) -> list[Any]:
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        raise Invalid.field(at, "must be a list of objects", "not_a_list")
    if len(json.dumps(value)) > LONGEST_CALLS:
        raise Invalid.field(at, f"may have {LONGEST_CALLS} characters", "max_length")
    return value


def _moment(value: Any, at: str, now: datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        raise Invalid.field(at, "must be an ISO 8601 moment", "invalid") from None
    if not EARLIEST <= moment <= now + timedelta(days=1):
        raise Invalid.field(at, "lies outside the time of conversations", "range")
    return moment


def _within(error: Invalid, at: str) -> Invalid:
    first = error.fields[0]
    return Invalid.field(f"{at}{first.field}", first.message, first.type)
