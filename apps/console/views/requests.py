"""Requests: the log of model calls as they end, and one call with all that is known of it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from apps.console.chat_samples import chat_samples
from apps.console.figures import count, dollars, milliseconds
from apps.console.listing import Column, Listing
from apps.console.page import Page, actor_of, show
from apps.console.refusals import signed_in
from apps.console.samples import code_samples
from apps.core.actor import Actor
from apps.core.permissions import has
from apps.events.permissions import EventsPermission
from apps.providers.enums import CallStatus
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import captures
from apps.providers.queries import usage as queries

if TYPE_CHECKING:
    from apps.providers.models import UsageRecord

LAMPS = {
    CallStatus.OK: "clear",
    CallStatus.ERROR: "danger",
    CallStatus.CUT: "danger",
    CallStatus.CANCELLED: "off",
    CallStatus.REFUSED: "caution",
}
STATUSES = {
    CallStatus.OK: gettext_lazy("OK"),
    CallStatus.ERROR: gettext_lazy("Failed"),
    CallStatus.CUT: gettext_lazy("Cut short"),
    CallStatus.CANCELLED: gettext_lazy("Cancelled"),
    CallStatus.REFUSED: gettext_lazy("Refused"),
}
ASKED = ("model", "status", "key", "provider", "deployment")
CHOICES = timedelta(days=30)
"""How far back the filters look for what they offer."""
LONGEST_SHOWN = 100_000
FIELDS = ("model", "status", "deployment", "key_name", "tokens", "cost", "first_token", "ms", "at")
"""Of the columns, as the script that adds rows knows them."""


@signed_in
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    asked = {name: request.GET.get(name) or None for name in ASKED}
    page = Page(
        title=_("Requests"),
        sentence=_("Calls of models as they end: where each went, what it took and cost."),
    )
    table = _listing(request, actor).newest(request, queries.calls(actor=actor, **asked))
    if has(actor, EventsPermission.TOPIC_LISTEN) and not request.GET.get("cursor"):
        table["feed"] = _feed(table, asked)
    query = urlencode({name: value for name, value in asked.items() if value})
    samples = code_samples(
        request,
        "GET",
        f"/api/v1/usage/calls?{query}".rstrip("?"),
        graphql="{ modelCalls(first: 20) { edges { node { model status cost durationMs } } } }",
    )
    return show(request, "console/requests/index.html", page, table=table, samples=samples)


def _listing(request: HttpRequest, actor: Actor) -> Listing:
    now = timezone.now()
    seen = queries.seen(actor=actor, begins=now - CHOICES, ends=now + timedelta(hours=1))
    return Listing(
        id="requests",
        label=_("Requests"),
        columns=[
            Column(_("Model")),
            Column(_("Status"), "lamp"),
            Column(_("Deployment"), is_minor=True),
            Column(_("Key"), is_minor=True),
            Column(_("Tokens"), "number"),
            Column(_("Cost"), "number"),
            Column(_("First token"), "number", is_minor=True),
            Column(_("Took"), "number"),
            Column(_("When"), "time"),
        ],
        row=_row,
        empty={
            "title": _("No call yet"),
            "sentence": _("Every call of a model stands here the moment it ends. Make one:"),
            "command": chat_samples(request, {"model": "simulated", "messages": []})[0]["text"],
        },
        filters=[
            _choice("model", _("Any model"), {name: name for name in seen.models}),
            _choice("status", _("Any status"), STATUSES),
            _choice("key", _("Any key"), seen.keys),
            {"name": "provider", "label": _("Provider"), "kind": "hidden"},
            {"name": "deployment", "label": _("Deployment"), "kind": "hidden"},
        ],
    )


def _choice(name: str, label: str, options: Any) -> dict[str, Any]:
    pairs = [(str(value), text or value) for value, text in options.items()]
    return {"name": name, "label": label, "kind": "choice", "options": pairs}


def _row(call: UsageRecord) -> dict[str, Any]:
    status = CallStatus(call.status)
    return {
        "id": call.record,
        "url": reverse("console:request", args=[call.record]),
        "label": call.model,
        "opens_drawer": True,
        "cells": [
            {"value": call.model},
            {"state": LAMPS[status], "value": STATUSES[status], "note": call.error_code},
            {"value": call.deployment},
            {"value": call.key_name},
            {"value": _tokens(call)},
            {"value": dollars(call.cost_nano)},
            {"value": milliseconds(call.first_token_ms)},
            {"value": milliseconds(call.duration_ms)},
            {"at": call.at},
        ],
    }


def _tokens(call: UsageRecord) -> str:
    return f"{count(call.prompt_tokens)} → {count(call.completion_tokens)}"


def _feed(table: dict[str, Any], asked: dict[str, str | None]) -> dict[str, Any]:
    """What the script needs to add rows: an empty row, words for its lamps, what the filter lets through."""
    cells = [
        {"kind": column["kind"], "label": column["label"], "is_minor": column["is_minor"]}
        | {"field": field, "value": " ", "at": "2000-01-01T00:00:00Z"}
        for column, field in zip(table["columns"], FIELDS, strict=True)
    ]
    wanted = {
        {"key": "key_id"}.get(name, name): value
        for name, value in asked.items()
        if value is not None
    }
    words = {str(status): [LAMPS[status], str(text)] for status, text in STATUSES.items()}
    return {
        "topic": "request.logs",
        "row": {"id": "", "url": "#", "label": "", "opens_drawer": True, "cells": cells},
        "wanted": json.dumps(wanted),
        "words": json.dumps(words),
        "url": reverse("console:requests"),
    }


@signed_in
@require_GET
def detail(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    actor = actor_of(request)
    call = queries.call(actor=actor, call_id=id)
    may_read = has(actor, ProvidersPermission.CAPTURE_VIEW)
    capture = captures.capture_of(actor=actor, call=call) if may_read else None
    path = f"/api/v1/usage/calls?{urlencode({'request_id': call.request_id})}"
    return show(
        request,
        "console/requests/detail.html",
        Page(
            title=call.model,
            sentence=call.request_id,
            up={"label": _("Requests"), "url": reverse("console:requests")},
        ),
        lamp={"state": LAMPS[CallStatus(call.status)], "label": STATUSES[CallStatus(call.status)]},
        error_code=call.error_code,
        stats=_stats(call),
        facts=_facts(call),
        is_captured=capture is not None,
        is_cut=capture is not None and capture.is_cut,
        asked=_text(capture.request) if capture else "",
        answer=_text(capture.answer) if capture and capture.answer is not None else "",
        samples=code_samples(request, "GET", path),
    )


def _stats(call: UsageRecord) -> list[dict[str, Any]]:
    return [
        {
            "label": _("Took"),
            "value": milliseconds(call.duration_ms),
            "window": _("%(overhead)s of it here") % {"overhead": milliseconds(call.overhead_ms)},
        },
        {
            "label": _("First token"),
            "value": milliseconds(call.first_token_ms),
            "window": _speed(call) if call.is_stream else _("not streamed"),
        },
        {
            "label": _("Tokens"),
            "value": count(call.prompt_tokens + call.completion_tokens),
            "window": _("%(prompt)s in, %(completion)s out")
            % {"prompt": count(call.prompt_tokens), "completion": count(call.completion_tokens)},
        },
        {
            "label": _("Cost"),
            "value": dollars(call.cost_nano),
            "window": _("from the cache") if call.is_cached else _("at the deployment's prices"),
        },
    ]


def _speed(call: UsageRecord) -> str:
    """How fast the answer ran once it had begun."""
    if call.first_token_ms is None or call.duration_ms <= call.first_token_ms:
        return ""
    rate = call.completion_tokens / (call.duration_ms - call.first_token_ms) * 1000
    return _("then %(rate).0f tokens a second") % {"rate": rate}


def _facts(call: UsageRecord) -> list[dict[str, Any]]:
    log = reverse("console:requests")
    key = {"value": call.key_name or call.key or _("none: a person")}
    if call.key:
        key["url"] = reverse("console:key", args=[call.key])
    facts: list[dict[str, Any]] = [
        {"label": _("When"), "kind": "time", "at": call.at},
        {"label": _("Request"), "kind": "id", "value": call.request_id, "is_whole": True},
        {
            "label": _("Model"),
            "value": call.model,
            "url": f"{log}?{urlencode({'model': call.model})}",
        },
        {"label": _("Deployment"), "value": call.deployment or _("none was asked")},
        {"label": _("Provider"), "value": call.provider or "–"},
        {"label": _("Asked for"), "kind": "tag", "values": _kinds(call)},
        {"label": _("Attempts"), "kind": "number", "value": call.attempts},
        {"label": _("Key"), **key},
    ]
    if call.end_user:
        facts.append({"label": _("End user"), "value": call.end_user})
    if call.cached_tokens:
        cached = count(call.cached_tokens)
        facts.append({"label": _("Tokens the provider had kept"), "value": cached})
    if call.is_estimated:
        facts.append({"label": _("Tokens"), "value": _("estimated: the provider told none")})
    return facts


def _kinds(call: UsageRecord) -> list[str]:
    found = [call.operation]
    if call.is_stream:
        found.append(_("streamed"))
    if call.is_cached:
        found.append(_("answered from the cache"))
    return found


def _text(value: Any) -> str:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}\n…"
