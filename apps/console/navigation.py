"""The rail: only what exists, and only what this actor may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.core.actor import Actor
from apps.core.permissions import Permission
from apps.events.permissions import EventsPermission
from apps.jobs.permissions import JobPermission
from apps.keys.permissions import KeyPermission
from apps.tenants.permissions import TenantPermission


@dataclass(frozen=True, slots=True)
class Place:
    label: Promise
    name: str
    """Of its URL; `also` are further pages that light it up."""
    icon: str = ""
    permission: Permission | None = None
    children: tuple[Place, ...] = ()
    also: tuple[str, ...] = ()


PLACES = (
    Place(_("Home"), "home", "house"),
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
    return [_item(place, actor, path) for place in PLACES if _may_see(place, actor)]


def _item(place: Place, actor: Actor, path: str) -> dict[str, Any]:
    url = reverse(f"console:{place.name}")
    children = [_item(child, actor, path) for child in place.children if _may_see(child, actor)]
    return {
        "label": place.label,
        "url": url,
        "icon": place.icon,
        "is_current": _is_current(place, path),
        "children": children,
    }


def _is_current(place: Place, path: str) -> bool:
    if place.name == "home":
        return path == reverse("console:home")
    return path.startswith(tuple(reverse(f"console:{name}") for name in (place.name, *place.also)))


def _may_see(place: Place, actor: Actor) -> bool:
    return place.permission is None or place.permission.value in actor.permissions
