"""One prompt to two models side by side."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from apps.console.page import Page, actor_of, show
from apps.console.refusals import signed_in
from apps.conversations.permissions import ConversationsPermission
from apps.core.permissions import require


@signed_in
@require_GET
def compare(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    require(actor, ConversationsPermission.CREATE)
    return show(request, "console/chat/compare.html", Page(title=_("Side by side")))
