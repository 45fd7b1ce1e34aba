"""Traffic on the home page: what today's calls came to, and how to make the first one."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.console.chat_samples import chat_samples
from apps.console.figures import count, dollars, percent
from apps.core.actor import Actor
from apps.core.permissions import has
from apps.providers.domain.usage_table import total_of
from apps.providers.enums import ProviderKind
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import routing, usage

LOOKED_AT = 50
"""Routes, for one to begin with."""


def stats_of_today(actor: Actor) -> list[dict[str, Any]]:
    """Calls, cost and errors since midnight, UTC."""
    if not has(actor, ProvidersPermission.USAGE_VIEW):
        return []
    asked = usage.read_asked({"group_by": "model", "from": timezone.now().date().isoformat()})
    total = total_of(usage.usage(actor=actor, asked=asked))
    today, page = _("today, UTC"), f"{reverse('console:usage')}?window=24h"
    log = reverse("console:requests")
    return [
        {"label": _("Calls"), "value": count(total.requests), "window": today, "url": log},
        {"label": _("Cost"), "value": dollars(total.cost_nano), "window": today, "url": page},
        {
            "label": _("Errors"),
            "value": percent(total.errors, total.requests),
            "window": _("%(errors)s of today's calls") % {"errors": count(total.errors)},
            "url": f"{log}?status=error",
        },
    ]


def first_call(request: HttpRequest, actor: Actor) -> dict[str, Any] | None:
    """A model to begin with and how programs call it; None where there is none, or none may be called."""
    if not has(actor, ProvidersPermission.CALL) or not has(actor, ProvidersPermission.VIEW):
        return None
    routes = list(routing.routes(actor=actor).filter(is_enabled=True)[:LOOKED_AT])
    if not routes:
        return None
    chosen = min(routes, key=lambda route: (not _is_here(route), route.name))
    body: dict[str, Any] = {"model": chosen.name, "messages": []}
    return {"model": chosen.name, "samples": chat_samples(request, body)}


def _is_here(route: Any) -> bool:
    """Whether a real model of ours answers, which needs nobody's credentials and costs nothing."""
    kinds = {target.deployment.provider.kind for target in route.targets.all()}
    return ProviderKind.LOCAL in kinds
