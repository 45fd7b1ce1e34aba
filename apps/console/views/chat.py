"""The chat's pages: rendered whole by the server, gone on with by scripts that call the public API."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from apps.console import chat_list, chat_rows
from apps.console.chat_list import with_query
from apps.console.page import Page, actor_of, show
from apps.console.refusals import signed_in
from apps.conversations.enums import Visibility
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import conversations, messages
from apps.conversations.queries.shown import ConversationView
from apps.core.actor import Actor
from apps.core.permissions import has, require
from apps.providers.queries import routing

MESSAGES = 50
UPLOAD = "/api/upload"
NUMBERS = (
    ("temperature", gettext_lazy("Temperature")),
    ("top_p", gettext_lazy("Top p")),
    ("max_tokens", gettext_lazy("Most tokens")),
    ("seed", gettext_lazy("Seed")),
    ("presence_penalty", gettext_lazy("Presence penalty")),
    ("frequency_penalty", gettext_lazy("Frequency penalty")),
)


@signed_in
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The list; beside it, where there is room, a new conversation."""
    return _show(request, _blank_thread(request), shows="list")


@signed_in
@require_GET
def create(request: HttpRequest) -> HttpResponse:
    return _show(request, _blank_thread(request), shows="thread")


@signed_in
@require_GET
def detail(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    actor = actor_of(request)
    opened = conversations.open_conversation(actor=actor, conversation_id=id)
    thread = {**_thread(actor, opened), **_branch(request, id)}
    return _show(request, thread, settings=_settings(opened), shows="thread")


@signed_in
@require_GET
def parts(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    """The end of the active branch as it is now, or the messages before one of them."""
    opened = conversations.open_conversation(actor=actor_of(request), conversation_id=id)
    thread = {**_thread(actor_of(request), opened), **_branch(request, id)}
    return _part(request, "console/chat/parts.html", thread=thread)


@signed_in
@require_GET
def talks(request: HttpRequest) -> HttpResponse:
    """The list alone."""
    return _part(
        request, "console/chat/list.html", list=chat_list.list_of(request, actor_of(request))
    )


def _part(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    response = render(request, template, context)
    response.headers["Cache-Control"] = "no-store"
    return response


def _show(
    request: HttpRequest,
    thread: dict[str, Any],
    *,
    shows: str,
    settings: dict[str, Any] | None = None,
) -> HttpResponse:
    return show(
        request,
        "console/chat/index.html",
        Page(title=thread["title"]),
        list=chat_list.list_of(request, actor_of(request), current=thread["id"]),
        thread=thread,
        settings=settings or {"numbers": _numbers({})},
        shows=shows,
        new_url=reverse("console:chat-new"),
        compare_url=reverse("console:chat-compare"),
        routes_url=reverse("console:routes"),
        page_keys="console/chat/keys.html",
        blank=chat_rows.blanks(),
    )


def _thread(actor: Actor, opened: ConversationView) -> dict[str, Any]:
    conversation = opened.conversation
    name, is_mine = conversation.public_id, conversation.owner == actor.principal
    may_write = is_mine and has(actor, ConversationsPermission.CREATE)
    return {
        "id": name,
        "title": chat_rows.title_of(conversation),
        "given_title": conversation.title if conversation.is_title_given else "",
        "is_titled": bool(conversation.title),
        "model": conversation.model,
        "models": models_of(actor, conversation.model) if may_write else [],
        "revision": conversation.revision,
        "api": f"{chat_rows.API}/{name}",
        "collection": chat_rows.API,
        "parts_url": reverse("console:chat-parts", args=[name]),
        "upload_url": UPLOAD,
        "may_write": may_write,
        "is_archived": conversation.archived_at is not None,
        "is_shown": conversation.visibility == Visibility.ORGANIZATION,
        "owner": "" if is_mine else conversation.owner_name,
        "tags": conversation.tags,
        "tag_links": [
            {"name": tag, "url": with_query(reverse("console:chat"), tag=tag)}
            for tag in conversation.tags
        ],
        "usage": chat_rows.used(opened.usage),
    }


def _branch(request: HttpRequest, name: str) -> dict[str, Any]:
    """The last messages, or those before the one that the address names."""
    before = request.GET.get("before") or messages.END
    page = messages.branch_page(
        actor=actor_of(request), conversation_id=name, limit=MESSAGES, before=before
    )
    earlier = page.meta["before"]
    here = reverse("console:chat-conversation", args=[name])
    part = reverse("console:chat-parts", args=[name])
    return {
        "messages": chat_rows.rows_of(page.rows, ends_here=before == messages.END),
        "earlier_url": with_query(here, before=earlier) if earlier else "",
        "earlier_part_url": with_query(part, before=earlier) if earlier else "",
    }


def _blank_thread(request: HttpRequest) -> dict[str, Any]:
    actor = actor_of(request)
    require(actor, ConversationsPermission.VIEW)
    may_write = has(actor, ConversationsPermission.CREATE)
    return {
        "id": "",
        "title": _("New conversation"),
        "api": "",
        "collection": chat_rows.API,
        "upload_url": UPLOAD,
        "may_write": may_write,
        "models": models_of(actor, _model_to_begin_with(request)) if may_write else [],
        "messages": [],
        "tags": [],
    }


def _model_to_begin_with(request: HttpRequest) -> str:
    """As the address says, else what was talked to last, where it still answers."""
    actor = actor_of(request)
    last = conversations.last_model(actor=actor)
    return request.GET.get("model") or (last if last in routing.names_to_call(actor=actor) else "")


def models_of(actor: Actor, chosen: str) -> list[dict[str, Any]]:
    """Routes to talk to; the one chosen stands among them even when it is gone."""
    names = routing.names_to_call(actor=actor)
    gone = [chosen] if chosen and chosen not in names else []
    return [
        {"value": name, "label": name, "is_selected": name == chosen} for name in [*names, *gone]
    ]


def _settings(opened: ConversationView) -> dict[str, Any]:
    conversation = opened.conversation
    return {
        "system_prompt": conversation.system_prompt,
        "numbers": _numbers(conversation.parameters),
        "trimming": conversation.trimming,
        "context_tokens": conversation.context_tokens,
        "is_shown": conversation.visibility == Visibility.ORGANIZATION,
    }


def _numbers(parameters: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": name, "label": label, "value": parameters.get(name, "")} for name, label in NUMBERS
    ]
