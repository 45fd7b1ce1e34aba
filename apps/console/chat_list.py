"""The list of conversations: the newest, the archive, those with a tag, or what was searched for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from apps.console import chat_rows
from apps.conversations.queries import conversations, search
from apps.core.actor import Actor
from apps.core.pagination import MAX_PAGE, Page, page_of, read_integer

TALKS = 40
"""Rows at a time."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for."""

    q: str
    tag: str
    archived: str
    current: str
    """The conversation that stands beside the list."""
    page: int

    @property
    def query(self) -> dict[str, str]:
        return {"q": self.q, "tag": self.tag, "archived": self.archived}


def list_of(request: HttpRequest, actor: Actor, *, current: str = "") -> dict[str, Any]:
    """What `chat/list.html` takes."""
    asked = _asked(request, current)
    items, meta = _found(actor, asked) if asked.q else _newest(actor, asked)
    more = {**asked.query, "page": asked.page + 1} if asked.page < meta["total_pages"] else None
    here, part = reverse("console:chat"), reverse("console:chat-list")
    return {
        "url": here,
        "part_url": with_query(part, **asked.query, current=asked.current),
        "search_url": with_query(part, current=asked.current),
        "more_url": with_query(here, **more) if more else "",
        "more_part_url": with_query(part, **more, current=asked.current) if more else "",
        "switch_url": here if asked.archived else with_query(here, archived="1"),
        "clear_url": here,
        "q": asked.q,
        "tag": asked.tag,
        "is_archive": bool(asked.archived),
        "items": items,
        "empty": _empty(asked),
    }


def with_query(path: str, **query: Any) -> str:
    """An address with those parts of its query that say something."""
    kept = {name: value for name, value in query.items() if value not in ("", None)}
    return f"{path}?{urlencode(kept)}" if kept else path


def _asked(request: HttpRequest, current: str) -> Asked:
    given = request.GET
    return Asked(
        q=given.get("q", "").strip()[: search.LONGEST_QUERY],
        tag=given.get("tag", ""),
        archived="1" if given.get("archived") else "",
        current=current or given.get("current", ""),
        page=read_integer(given.get("page"), "page", default=1, maximum=MAX_PAGE),
    )


def _newest(actor: Actor, asked: Asked) -> tuple[list[chat_rows.Row], dict[str, Any]]:
    rows = conversations.list_conversations(
        actor=actor, archived="true" if asked.archived else None, tag=asked.tag or None
    )
    page = page_of(rows, page=asked.page, limit=TALKS)
    return [chat_rows.talk(row, actor, current=asked.current) for row in page.rows], page.meta


def _found(actor: Actor, asked: Asked) -> tuple[list[chat_rows.Row], dict[str, Any]]:
    """Words stand anywhere: in titles and messages, archived or not."""
    page: Page = search.search_conversations(
        actor=actor, text=asked.q, page=asked.page, limit=TALKS
    )
    items = [
        {
            **chat_rows.talk(hit.conversation, actor, current=asked.current),
            "snippet": [{"text": part.text, "is_hit": part.is_match} for part in hit.snippet],
        }
        for hit in page.rows
    ]
    return items, page.meta


def _empty(asked: Asked) -> dict[str, str]:
    if asked.q or asked.tag:
        return {"title": _("Nothing found."), "sentence": _("Try other words.")}
    if asked.archived:
        return {"title": _("The archive is empty."), "sentence": ""}
    return {"title": _("No conversation yet."), "sentence": _("Your first one will stand here.")}
