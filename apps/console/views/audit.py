"""The audit trail: who did what, with filters, and each entry in full."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from apps.console.listing import Column, Listing
from apps.console.page import Page, actor_of, show, signed_in
from apps.events import queries
from apps.events.models import AuditEntry
from apps.keys import topics as key_topics
from apps.tenants import topics as tenant_topics

AUDITED_ACTIONS = sorted(
    value for module in (tenant_topics, key_topics) for name, value in vars(module).items() if name.isupper()
)


@signed_in
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    entries = queries.audit_entries(
        actor=actor_of(request),
        action=request.GET.get("action") or None,
        by=request.GET.get("actor") or None,
        about=request.GET.get("object") or None,
    )
    page = Page(
        title=_("Audit trail"),
        sentence=_("Every change, in the order it happened, sealed so that nobody can rewrite it."),
    )
    return show(request, "console/audit/index.html", page, table=_listing().newest(request, entries))


def _listing() -> Listing:
    return Listing(
        id="audit",
        label=_("Audit trail"),
        columns=[
            Column(_("When"), "time"),
            Column(_("What"), "code"),
            Column(_("Who")),
            Column(_("Object")),
            Column(_("From"), "code", is_minor=True),
        ],
        row=_row,
        empty={"title": _("Nothing has happened yet"), "sentence": _("The first change will stand here.")},
        filters=[
            {"name": "action", "label": _("Any action"), "kind": "choice", "options": [(a, a) for a in AUDITED_ACTIONS]},
            {"name": "object", "label": _("Object id"), "kind": "search"},
            {"name": "actor", "label": _("Actor id"), "kind": "hidden"},
        ],
        topic="audit.events",
        exports=[{"label": _("JSON lines"), "url": "/api/v1/audit/export"}],
    )


def _row(entry: AuditEntry) -> dict[str, Any]:
    return {
        "id": entry.public_id,
        "url": reverse("console:audit-entry", args=[entry.public_id]),
        "label": entry.action,
        "opens_drawer": True,
        "cells": [
            {"at": entry.at},
            {"value": entry.action},
            {"value": entry.actor["name"] or _("the system")},
            {"value": entry.object["name"] or entry.object["id"]},
            {"value": entry.address or "–"},
        ],
    }


@signed_in
@require_GET
def detail(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    entry = queries.audit_entry(actor=actor_of(request), public_id=id)
    page = Page(
        title=entry.action,
        sentence=entry.object["name"],
        up={"label": _("Audit trail"), "url": reverse("console:audit")},
    )
    return show(request, "console/audit/detail.html", page, facts=_facts(entry), changes=_changes(entry))


def _facts(entry: AuditEntry) -> list[dict[str, Any]]:
    about = entry.object["id"]
    return [
        {"label": _("When"), "kind": "time", "at": entry.at},
        {"label": _("Who"), "value": entry.actor["name"] or _("the system"), "note": entry.actor["id"]},
        {"label": _("By"), "value": entry.credential["kind"], "note": entry.credential["id"]},
        {"label": _("From"), "kind": "code", "value": entry.address or "–"},
        {"label": _("Object"), "kind": "id", "value": about, "url": f"{reverse('console:audit')}?object={about}"},
        {"label": _("Request"), "kind": "id", "value": entry.request_id or "–"},
        {"label": _("Sequence"), "kind": "number", "value": entry.sequence},
        {"label": _("Hash"), "kind": "code", "value": entry.hash or _("sealed within a second")},
    ]


def _changes(entry: AuditEntry) -> list[dict[str, Any]]:
    before, after = entry.before or {}, entry.after or {}
    return [
        {"label": name, "old": before.get(name), "new": after.get(name)}
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
