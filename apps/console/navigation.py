"""The rail: only what exists, and only what this actor may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.approvals.permissions import ApprovalsPermission
from apps.approvals.queries import approvals
from apps.conversations.permissions import ConversationsPermission
from apps.core.actor import Actor
from apps.core.permissions import Permission
from apps.events.permissions import EventsPermission
from apps.jobs.permissions import JobPermission
from apps.keys.permissions import KeyPermission
from apps.models.permissions import ModelsPermission
from apps.providers.permissions import ProvidersPermission
from apps.tenants.permissions import TenantPermission


@dataclass(frozen=True, slots=True)
class Place:
    label: Promise
    name: str = ""
    """Of its URL; `also` are further pages that light it up. A group has none: it leads to the first of its children."""
    icon: str = ""
    permission: Permission | None = None
    children: tuple[Place, ...] = ()
    also: tuple[str, ...] = ()
    counts: str = ""
    """Name of the URL that answers how many wait for the reader; the number stands beside the label."""


PLACES = (
    Place(_("Home"), "home", "house"),
    Place(
        _("Traffic"),
        icon="git-branch",
        children=(
            Place(_("Playground"), "playground", permission=ProvidersPermission.CALL),
            Place(_("Routes"), "routes", permission=ProvidersPermission.VIEW),
            Place(_("Providers"), "providers", permission=ProvidersPermission.VIEW),
            Place(_("Usage"), "usage", permission=ProvidersPermission.USAGE_VIEW),
            Place(_("Requests"), "requests", permission=ProvidersPermission.USAGE_VIEW),
            Place(_("Prompts"), "prompts", permission=ProvidersPermission.PROMPT_VIEW),
            Place(_("Budgets"), "budgets", permission=ProvidersPermission.USAGE_VIEW),
        ),
    ),
    Place(_("Chat"), "chat", "message-square", ConversationsPermission.VIEW),
    Place(
        _("Approvals"),
        "approvals",
        "inbox",
        ApprovalsPermission.VIEW,
        also=("approval-policies",),
        counts="approvals-count",
    ),
    Place(
        _("Models"),
        icon="box",
        children=(
            Place(_("Registry"), "models", permission=ModelsPermission.VIEW),
            Place(_("Sources"), "model-sources", permission=ModelsPermission.VIEW),
        ),
    ),
    Place(_("Jobs"), "jobs", "list-checks", JobPermission.VIEW),
    Place(_("Keys"), "keys", "key-round", KeyPermission.VIEW),
    Place(
        _("Members"),
        "members",
        "users",
        TenantPermission.MEMBER_VIEW,
        also=("service-accounts",),
    ),
    Place(_("Webhooks"), "webhooks", "webhook", EventsPermission.WEBHOOK_VIEW),
    Place(_("Audit"), "audit", "scroll-text", EventsPermission.AUDIT_VIEW),
    Place(_("Settings"), "settings", "settings", TenantPermission.ORGANIZATION_VIEW),
)


def navigation_for(actor: Actor, path: str) -> list[dict[str, Any]]:
    """The places of the rail in the shape `frame/rail.html` takes."""
    items = [_item(place, actor, path) for place in PLACES if _may_see(place, actor)]
    return [item for item in items if item["url"]]


def _count(place: Place, actor: Actor) -> dict[str, Any] | None:
    """None where nothing is counted for this reader, so that the page keeps nothing fresh either."""
    if not place.counts or ApprovalsPermission.DECIDE.value not in actor.permissions:
        return None
    return {"number": approvals.count_for(actor) or "", "url": reverse(f"console:{place.counts}")}


def _item(place: Place, actor: Actor, path: str) -> dict[str, Any]:
    children = [_item(child, actor, path) for child in place.children if _may_see(child, actor)]
    first = children[0]["url"] if children else ""
    return {
        "label": place.label,
        "url": reverse(f"console:{place.name}") if place.name else first,
        "icon": place.icon,
        "count": _count(place, actor),
        "is_current": _is_current(place, path) or any(child["is_current"] for child in children),
        "children": children,
    }


def _is_current(place: Place, path: str) -> bool:
    if place.name == "home":
        return path == reverse("console:home")
    names = [name for name in (place.name, *place.also) if name]
    return path.startswith(tuple(reverse(f"console:{name}") for name in names))


def _may_see(place: Place, actor: Actor) -> bool:
    return place.permission is None or place.permission.value in actor.permissions
