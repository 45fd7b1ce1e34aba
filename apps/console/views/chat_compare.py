"""One prompt to two models side by side. Scripts ask, listen and choose; the server shows what stands."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from apps.console import chat_rows
from apps.console.chat_list import with_query
from apps.console.page import Page, actor_of, show
from apps.console.refusals import signed_in
from apps.console.views.chat import models_of
from apps.conversations.enums import MessageStatus
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import comparisons
from apps.conversations.queries.comparisons import ComparisonView, Side
from apps.core.actor import Actor
from apps.core.markdown import to_html
from apps.core.permissions import require

COLLECTION = "/api/v1/comparisons"
EARLIER = 12


@signed_in
@require_GET
def compare(request: HttpRequest) -> HttpResponse:
    """A new comparison, or the one the address names."""
    actor = actor_of(request)
    require(actor, ConversationsPermission.CREATE)
    named = request.GET.get("id", "")
    duel = _standing(actor, named) if named else _blank(actor, request)
    return show(
        request,
        "console/chat/compare.html",
        Page(title=_("Side by side")),
        duel={
            **duel,
            "collection": COLLECTION,
            "conversations": chat_rows.API,
        },
        earlier=_earlier(actor),
        new_url=reverse("console:chat-compare"),
        chat_url=reverse("console:chat"),
        routes_url=reverse("console:routes"),
        page_keys="console/chat/compare_keys.html",
    )


def _blank(actor: Actor, request: HttpRequest) -> dict[str, Any]:
    names = [option["value"] for option in models_of(actor, "")]
    asked = [name for name in request.GET.getlist("model") if name in names]
    first, second = [*asked, *(name for name in names if name not in asked), "", ""][:2]
    has_two = len(names) > 1
    sides = [
        {"key": key, "model": model, "models": models_of(actor, model) if has_two else []}
        for key, model in ((1, first), (2, second))
    ]
    return {"id": "", "sides": sides}


def _standing(actor: Actor, name: str) -> dict[str, Any]:
    view = comparisons.comparison_of(actor=actor, comparison_id=name)
    chosen = view.comparison.chosen
    return {
        "id": view.comparison.public_id,
        "prompt": view.comparison.prompt,
        "is_tie": chosen == comparisons.TIE,
        "is_complete": view.is_complete,
        "sides": [_side(side, key, chosen) for key, side in enumerate(_two(view), 1)],
    }


def _two(view: ComparisonView) -> list[Side]:
    """A program may compare more; the page shows the first two."""
    return view.sides[:2]


def _side(side: Side, key: int, chosen: str) -> dict[str, Any]:
    ending = side.standing.ending
    status = MessageStatus(ending.status) if ending else MessageStatus.GENERATING
    lamp = {**chat_rows.LAMPS, MessageStatus.COMPLETE: ("clear", _("Whole"))}.get(status)
    return {
        "key": key,
        "model": side.model,
        "conversation": side.conversation,
        "conversation_url": reverse("console:chat-conversation", args=[side.conversation]),
        "status": status.value,
        "lamp": lamp and {"state": lamp[0], "label": lamp[1]},
        "text": side.standing.content,
        "html": to_html(side.standing.content),
        "facts": chat_rows.facts_of(side.message),
        "error": chat_rows.error_of(side.message) if status == MessageStatus.FAILED else None,
        "is_chosen": chosen == side.model,
    }


def _earlier(actor: Actor) -> list[dict[str, Any]]:
    here = reverse("console:chat-compare")
    return [
        {
            "url": with_query(here, id=row.public_id),
            "prompt": row.short_prompt,  # type: ignore[attr-defined]  # annotated by the query
            "chosen": _("neither") if row.chosen == comparisons.TIE else row.chosen,
        }
        for row in comparisons.comparisons(actor=actor)[:EARLIER]
    ]
