"""The page behind a share's link: read only, whole without script, told to no search engine and no other site."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from apps.conversations.enums import MessageRole
from apps.conversations.queries import shares as queries
from apps.core import markdown
from apps.core.asgi.door import Door, door
from apps.core.errors import NotFound

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
MOST_RENDERED = 200_000
"""Characters of answers that are read as Markdown; the rest is plain text. Anybody may ask for this page, again and again."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Cache-Control": "no-store",
}


@door(GET=Door(public="the link's secret is the credential", asks_who=False))
def shared(request: HttpRequest, token: str) -> HttpResponse:
    """One page for every link that does not work: it says nothing of why."""
    try:
        found = queries.shared_by(token)
    except NotFound:
        return _page("shared/missing.html", {}, status=404)
    return _page("shared/index.html", {"shared": found, "messages": _shown(found)}, status=200)


def _shown(found: queries.SharedConversation) -> list[dict[str, Any]]:
    left, shown = MOST_RENDERED, []
    for message in found.messages:
        is_answer = message.role == MessageRole.ASSISTANT
        # What a person wrote is shown as they wrote it; a model writes Markdown.
        left -= len(message.content) if is_answer else 0
        shown.append(
            {
                "is_answer": is_answer,
                "who": message.model or found.model,
                "at": message.created_at,
                "files": message.files,
                "html": markdown.to_html(message.content) if is_answer and left >= 0 else "",
                "text": message.content,
            }
        )
    return shown


def _page(template: str, context: dict[str, Any], *, status: int) -> HttpResponse:
    return HttpResponse(render_to_string(template, context), status=status, headers=HEADERS)
