"""The audit trail: who did what, with filters, and each entry in full."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from apps.console.listing import Column, Listing
from apps.console.page import Page, actor_of, show
from apps.console.refusals import signed_in
from apps.console.words import FACTS, words_for
from apps.core.actor import Actor
from apps.core.errors import Invalid
from apps.events import queries
from apps.tenants.queries import people

if TYPE_CHECKING:
    from apps.events.models import AuditEntry

EXPORT_URL = "/api/v1/audit/export"


@signed_in
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    entries = _asked_for(request)
    page = Page(
        title=_("Audit trail"),
        sentence=_("Every change, in order, sealed so that nobody can rewrite it."),
    )
    table = _listing(request).newest(request, entries)
    return show(request, "console/audit/index.html", page, table=table)


def _asked_for(request: HttpRequest) -> QuerySet[AuditEntry]:
    first, last = _day(request, "from"), _day(request, "to")
    return queries.audit_entries(
        actor=actor_of(request),
        action=request.GET.get("action") or None,
        by=request.GET.get("actor") or None,
        about=request.GET.get("object") or None,
        since=_start_of(first) if first else None,
        until=_start_of(last + timedelta(days=1)) if last else None,
    )


def _day(request: HttpRequest, name: str) -> date | None:
    text = request.GET.get(name)
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
        return day if day < date.max else None
    except ValueError:
        raise Invalid.field(name, _("must be a day such as 2026-01-31"), "date") from None


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _listing(request: HttpRequest) -> Listing:
    actions = [(fact, words.text) for fact, words in FACTS.items()]
    return Listing(
        id="audit",
        label=_("Audit trail"),
        columns=[
            Column(_("What")),
            Column(_("Object")),
            Column(_("Who")),
            Column(_("From"), "code", is_minor=True),
            Column(_("When"), "time"),
        ],
        row=_row,
        empty={
            "title": _("Nothing has happened yet"),
            "sentence": _("The first change will stand here."),
        },
        filters=[
            {"name": "action", "label": _("Anything"), "kind": "choice", "options": actions},
            {
                "name": "actor",
                "label": _("By anybody"),
                "kind": "choice",
                "options": _actors(actor_of(request), request.GET.get("actor", "")),
            },
            {"name": "object", "label": _("Object's id"), "kind": "search"},
            {"name": "from", "label": _("From"), "kind": "date"},
            {"name": "to", "label": _("To"), "kind": "date"},
        ],
        topic="audit.events",
        exports=[{"label": _("All as JSON lines"), "url": EXPORT_URL}],
    )


def _actors(actor: Actor, asked: str) -> list[tuple[str, str]]:
    """Members and programs of today; somebody who left can still be asked for by their id."""
    found = [
        *((row.user.public_id, row.user.name or row.user.email) for row in people.members(actor)),
        *((row.public_id, row.name) for row in people.service_accounts(actor)),
        ("system", _("the system")),
    ]
    if asked and asked not in dict(found):
        found.append((asked, asked))
    return found


def _row(entry: AuditEntry) -> dict[str, Any]:
    return {
        "id": entry.public_id,
        "url": reverse("console:audit-entry", args=[entry.public_id]),
        "label": entry.action,
        "opens_drawer": True,
        "cells": [
            {"value": words_for(entry.action).text},
            {"value": entry.object["name"] or entry.object["id"]},
            {"value": who(entry)},
            {"value": entry.address or "–"},
            {"at": entry.at},
        ],
    }


def who(entry: AuditEntry) -> str:
    """The actor's name; what no actor did, the system did."""
    return _("the system") if entry.actor["id"] == "system" else entry.actor["name"]


@signed_in
@require_GET
def detail(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    entry = queries.audit_entry(actor=actor_of(request), public_id=id)
    page = Page(
        title=str(words_for(entry.action).text),
        sentence=entry.object["name"],
        up={"label": _("Audit trail"), "url": reverse("console:audit")},
    )
    return show(
        request,
        "console/audit/detail.html",
        page,
        facts=_facts(entry),
        changes=_changes(entry),
    )


def _facts(entry: AuditEntry) -> list[dict[str, Any]]:
    trail = reverse("console:audit")
    about, actor = entry.object["id"], entry.actor["id"]
    credential = f"{entry.credential['kind']} {entry.credential['id']}"
    return [
        {"label": _("Fact"), "kind": "code", "value": entry.action},
        {"label": _("When"), "kind": "time", "at": entry.at},
        {"label": _("Who"), "value": who(entry), "url": f"{trail}?actor={actor}"},
        {"label": _("By"), "kind": "code", "value": credential},
        {"label": _("From"), "kind": "code", "value": entry.address or "–"},
        {"label": _("Object"), "kind": "id", "value": about, "url": f"{trail}?object={about}"},
        {"label": _("Request"), "kind": "code", "value": entry.request_id or "–"},
        {"label": _("Place in the chain"), "kind": "number", "value": entry.sequence},
        {"label": _("Seal"), "kind": "code", "value": entry.hash or _("given within a second")},
    ]


def _changes(entry: AuditEntry) -> list[dict[str, Any]]:
    before, after = entry.before or {}, entry.after or {}
    return [
        {"label": name, "old": _shown(before, name), "new": _shown(after, name)}
        for name in [*before, *(name for name in after if name not in before)]
        if before.get(name) != after.get(name)
    ]


def _shown(values: dict[str, Any], name: str) -> str | None:
    """A value as people read it; None when there is none on this side."""
    value = values.get(name)
    if value is None or value in ([], {}, ""):
        return None
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, dict):
        return "\n".join(f"{key}: {each}" for key, each in value.items())
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)
