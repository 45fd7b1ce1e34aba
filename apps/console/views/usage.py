"""Usage: what calls cost and how they went, over time and by model, key or provider. The address holds the question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from apps.console.figures import count, dollars, milliseconds, percent
from apps.console.listing import Column, Listing, filter_bar
from apps.console.page import Page, actor_of, show
from apps.console.refusals import signed_in
from apps.console.samples import code_samples
from apps.console.usage_charts import Picture, usage_charts
from apps.core.errors import Invalid
from apps.providers.domain.usage_table import UsageRow, ordered, regroup, total_of
from apps.providers.queries import usage as queries

WINDOWS = {
    "24h": (gettext_lazy("Last 24 hours"), timedelta(hours=23)),
    "7d": (gettext_lazy("Last 7 days"), timedelta(days=6)),
    "90d": (gettext_lazy("Last 90 days"), timedelta(days=89)),
    "365d": (gettext_lazy("Last 365 days"), timedelta(days=364)),
}
USUAL = (gettext_lazy("Last 30 days"), timedelta(days=29))
GROUPS = {
    "model": gettext_lazy("By model"),
    "key": gettext_lazy("By key"),
    "provider": gettext_lazy("By provider"),
}
STEPS = {"hour": gettext_lazy("By hour"), "day": gettext_lazy("By day")}
LONGEST_BY_HOUR = timedelta(days=31)
ORDERINGS = ("requests", "errors", "prompt_tokens", "completion_tokens", "cost")


@dataclass(frozen=True, slots=True)
class Question:
    """What the address asks. `query` is the same for the API."""

    asked: queries.Asked
    now: datetime
    step: str
    group: str
    """Of the table; the charts are split by it when it was chosen."""
    is_split: bool
    window: str

    @property
    def query(self) -> dict[str, str]:
        begins = self.asked.begins.strftime("%Y-%m-%dT%H:%M:%SZ")
        ends = {"to": _iso(self.asked.ends)} if self.asked.ends <= self.now else {}
        groups = f"{self.step},{self.group}" if self.is_split else self.step
        return {"group_by": groups, "from": begins, **ends, **dict(self.asked.filters)}


@signed_in
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    question = read_question(request.GET, timezone.now())
    rows = queries.usage(actor=actor, asked=question.asked)
    seen = queries.seen(actor=actor, begins=question.asked.begins, ends=question.asked.ends)
    picture = Picture(
        step=question.step,
        begins=question.asked.begins,
        ends=min(question.asked.ends, question.now),
        window=question.window,
        group=question.group if question.is_split else "",
    )
    return show(
        request,
        "console/usage/index.html",
        Page(
            title=_("Usage"),
            sentence=_("What calls of models came to: how many, how fast, what they cost."),
        ),
        filter=filter_bar(request, _filters(request, seen)),
        stats=_stats(rows, question.window),
        charts=usage_charts(rows, picture) if rows else [],
        table=_listing(question.group).whole(request, _by_group(request, rows, question)),
        export_url=f"/api/v1/usage/export?{urlencode(question.query)}",
        samples=_samples(request, question),
    )


def read_question(query: Mapping[str, Any], now: datetime) -> Question:
    """Raises `Invalid` for what no list offers."""
    window = _choice(query, "window", WINDOWS)
    step, group = _choice(query, "by", STEPS), _choice(query, "group", GROUPS)
    name, length = WINDOWS[window] if window else USUAL
    label = str(name)
    days = {name: query.get(name) or None for name in ("from", "to")}
    if days["from"] or days["to"]:
        label = " – ".join(days[name] or "…" for name in ("from", "to"))
    elif length < timedelta(days=1):
        days["from"] = _iso((now - length).replace(minute=0, second=0, microsecond=0))
    else:
        days["from"] = (now.astimezone(UTC).date() - length).isoformat()
    filters = {name: query.get(name) for name in queries.FILTERS}
    asked = queries.read_asked({**filters, **days, "group_by": f"hour,{group or 'model'}"}, now)
    span = asked.ends - asked.begins
    if not step or span > LONGEST_BY_HOUR:
        step = "hour" if span <= timedelta(days=2) and step != "day" else "day"
    groups = (step, group or "model")
    return Question(
        asked=queries.Asked(groups, asked.begins, asked.ends, asked.filters),
        now=now,
        step=step,
        group=groups[1],
        is_split=bool(group),
        window=label,
    )


def _choice(query: Mapping[str, Any], name: str, choices: Mapping[str, Any]) -> str:
    value = str(query.get(name) or "")
    if value and value not in choices:
        raise Invalid.field(name, f"must be one of {', '.join(choices)}", "choice")
    return value


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _filters(request: HttpRequest, seen: queries.Seen) -> list[dict[str, Any]]:
    def choice(name: str, label: Any, options: Mapping[str, Any]) -> dict[str, Any]:
        chosen = request.GET.get(name, "")
        missing = {chosen: chosen} if chosen and chosen not in options else {}
        pairs = [(value, text or value) for value, text in {**options, **missing}.items()]
        return {"name": name, "label": label, "kind": "choice", "options": pairs}

    return [
        choice("window", USUAL[0], {name: label for name, (label, _length) in WINDOWS.items()}),
        choice("group", _("All together"), GROUPS),
        choice("by", _("Automatic step"), STEPS),
        choice("model", _("Any model"), {name: name for name in seen.models}),
        choice("key", _("Any key"), seen.keys),
        choice("provider", _("Any provider"), {name: name for name in seen.providers}),
        {"name": "from", "label": _("From"), "kind": "date"},
        {"name": "to", "label": _("To"), "kind": "date"},
    ]


def _stats(rows: list[UsageRow], window: str) -> list[dict[str, Any]]:
    total = total_of(rows)
    failed = percent(total.errors, total.requests)
    durations, firsts = total.duration_ms, total.first_token_ms
    tokens = total.prompt_tokens + total.completion_tokens
    return [
        {
            "label": _("Calls"),
            "value": count(total.requests),
            "window": window,
            "url": reverse("console:requests"),
        },
        {
            "label": _("Cost"),
            "value": dollars(total.cost_nano),
            "window": window,
        },
        {
            "label": _("Tokens"),
            "value": count(tokens),
            "window": _("%(prompt)s in, %(completion)s out")
            % {"prompt": count(total.prompt_tokens), "completion": count(total.completion_tokens)},
        },
        {
            "label": _("Errors"),
            "value": failed,
            "window": _("%(errors)s of %(calls)s calls")
            % {"errors": count(total.errors), "calls": count(total.requests)},
        },
        {
            "label": _("Duration, median"),
            "value": milliseconds(durations["p50"]),
            "window": _("p95 %(p95)s, p99 %(p99)s")
            % {
                "p95": milliseconds(durations["p95"]) or "–",
                "p99": milliseconds(durations["p99"]) or "–",
            },
        },
        {
            "label": _("First token, median"),
            "value": milliseconds(firsts["p50"]),
            "window": _("p95 %(p95)s, streams") % {"p95": milliseconds(firsts["p95"]) or "–"},
        },
    ]


def _by_group(request: HttpRequest, rows: list[UsageRow], question: Question) -> list[UsageRow]:
    """Most calls first, unless a head of the table was pressed."""
    asked = request.GET.get("ordering") or "-requests"
    names = [asked] if asked.removeprefix("-") in ORDERINGS else ["-requests"]
    return ordered(regroup(rows, [question.group]), names)


def _listing(group: str) -> Listing:
    heads = {"model": _("Model"), "key": _("Key"), "provider": _("Provider")}
    return Listing(
        id="groups",
        label=GROUPS[group],
        columns=[
            Column(heads[group]),
            Column(_("Calls"), "number", order="requests"),
            Column(_("Errors"), "number", order="errors"),
            Column(_("Tokens in"), "number", order="prompt_tokens", is_minor=True),
            Column(_("Tokens out"), "number", order="completion_tokens", is_minor=True),
            Column(_("Cost"), "number", order="cost"),
            Column(_("Median"), "number"),
            Column(_("p95"), "number"),
            Column(_("p99"), "number", is_minor=True),
            Column(_("First token"), "number", is_minor=True),
        ],
        row=lambda row: _row(group, row),
        empty={
            "title": _("No call in this time"),
            "sentence": _("Every call of a model is counted here within seconds of its end."),
        },
        filters=[{"name": name} for name in ("window", "from", "to", *queries.FILTERS)],
        has_bar=False,
    )


def _row(group: str, row: UsageRow) -> dict[str, Any]:
    value = row.group[group]
    label = row.group.get("key_name") or value or _("none")
    durations = row.duration_ms
    return {
        "id": value or "none",
        "label": label,
        "url": f"{reverse('console:requests')}?{urlencode({group: value})}" if value else "",
        "cells": [
            {"value": label},
            {"value": f"{row.requests:,}"},
            {
                "value": f"{row.errors:,}",
                "unit": percent(row.errors, row.requests) if row.errors else "",
            },
            {"value": count(row.prompt_tokens)},
            {"value": count(row.completion_tokens)},
            {"value": dollars(row.cost_nano)},
            {"value": milliseconds(durations["p50"])},
            {"value": milliseconds(durations["p95"])},
            {"value": milliseconds(durations["p99"])},
            {"value": milliseconds(row.first_token_ms["p50"])},
        ],
    }


def _samples(request: HttpRequest, question: Question) -> list[dict[str, str]]:
    query = question.query
    names = ", ".join(f'"{name}"' for name in query["group_by"].split(","))
    given = {name: value for name, value in query.items() if name != "group_by"}
    arguments = "".join(f', {name}: "{value}"' for name, value in given.items())
    graphql = (
        f"{{\n  usage(groupBy: [{names}]{arguments}) {{\n"
        f"    rows {{ {' '.join(query['group_by'].split(','))} requests errors cost durationMs {{ p95 }} }}\n"
        "    totals { requests cost }\n  }\n}"
    )
    path = f"/api/v1/usage?{urlencode(query, safe=',:')}"
    return code_samples(request, "GET", path, graphql=graphql)
