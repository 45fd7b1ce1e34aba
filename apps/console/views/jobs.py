"""Jobs: the live list, one job from its start to its end, cancel and retry."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from apps.console.listing import Column, Listing
from apps.console.page import Action, Page, actor_of, done, show
from apps.console.refusals import refused, signed_in
from apps.console.samples import code_samples
from apps.console.views.deliveries import DELIVERY_STATES
from apps.core.actor import Actor
from apps.core.errors import AppError
from apps.core.permissions import has
from apps.events import queries as events
from apps.events.permissions import EventsPermission
from apps.jobs.domain.priorities import Priority
from apps.jobs.domain.results import address_of
from apps.jobs.domain.states import FINAL, State
from apps.jobs.permissions import JobPermission
from apps.jobs.queries import jobs as queries
from apps.jobs.queries import lists
from apps.jobs.services import submissions

if TYPE_CHECKING:
    from apps.jobs.models import Job

LAMPS = {
    State.QUEUED: "off",
    State.RUNNING: "moving",
    State.COMPLETED: "clear",
    State.FAILED: "danger",
    State.CANCELLED: "caution",
}
STATES = {
    State.QUEUED: gettext_lazy("Waiting"),
    State.RUNNING: gettext_lazy("Running"),
    State.COMPLETED: gettext_lazy("Completed"),
    State.FAILED: gettext_lazy("Failed"),
    State.CANCELLED: gettext_lazy("Cancelled"),
}
PRIORITIES = {
    Priority.CRITICAL: gettext_lazy("critical"),
    Priority.HIGH: gettext_lazy("high"),
    Priority.NORMAL: gettext_lazy("normal"),
    Priority.LOW: gettext_lazy("low"),
}
ASKED = ("state", "kind", "priority", "parent")
LONGEST_SHOWN = 100_000
MOST_CALLBACKS = 5
EXAMPLE: dict[str, Any] = {"kind": "demo.sleep", "payload": {"seconds": 30, "steps": 5}}
CREATE_IN_GRAPHQL = """mutation {
  createJob(input: {kind: "demo.sleep", payload: {seconds: 30, steps: 5}}) {
    job { id status }
  }
}"""


@signed_in
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    asked = {name: request.GET.get(name) or None for name in ASKED}
    page = Page(title=_("Jobs"), sentence=_("Work under way, waiting and done, as it happens."))
    table = _listing(request, actor).pages(request, lists.visible_jobs(actor=actor, **asked))
    if has(actor, JobPermission.MANAGE):
        table["bulk"] = {
            "url": reverse("console:jobs-cancel"),
            "actions": [{"name": "cancel", "label": _("Cancel"), "is_danger": True}],
        }
    return show(request, "console/jobs/index.html", page, table=table, samples=_samples(request))


def _samples(request: HttpRequest) -> list[dict[str, str]]:
    return code_samples(request, "POST", "/api/v1/jobs", body=EXAMPLE, graphql=CREATE_IN_GRAPHQL)


def _listing(request: HttpRequest, actor: Actor) -> Listing:
    return Listing(
        id="jobs",
        label=_("Jobs"),
        columns=[
            Column(_("Kind"), order="kind"),
            Column(_("State"), "lamp"),
            Column(_("Progress"), "progress"),
            Column(_("By"), is_minor=True),
            Column(_("Priority"), "tag", order="priority", is_minor=True),
            Column(_("Started"), "time", order="started_at"),
            Column(_("Took"), "number", is_minor=True),
        ],
        row=_row,
        empty={
            "title": _("No job yet"),
            "sentence": _(
                "Long work runs here: benchmarks, evaluations, scans. Watch one to begin with."
            ),
            "command": _samples(request)[0]["text"]
            if has(actor, JobPermission.CREATE)
            else "manage.py demo_job",
        },
        filters=[
            _choices("state", _("Any state"), STATES),
            _choices(
                "kind",
                _("Any kind"),
                {kind.name: kind.name for kind in lists.visible_kinds(actor=actor)},
            ),
            _choices(
                "priority", _("Any priority"), {p.word: text for p, text in PRIORITIES.items()}
            ),
            {"name": "parent", "label": _("Parent"), "kind": "hidden"},
        ],
        topic="job.progress" if has(actor, EventsPermission.TOPIC_LISTEN) else "",
        events="jobs.job",
    )


def _choices(name: str, label: str, options: dict[Any, Any]) -> dict[str, Any]:
    pairs = [(str(value), text) for value, text in options.items()]
    return {"name": name, "label": label, "kind": "choice", "options": pairs}


def _row(job: Job) -> dict[str, Any]:
    state = State(job.state)
    return {
        "id": job.public_id,
        "url": reverse("console:job", args=[job.public_id]),
        "label": job.kind,
        "opens_drawer": True,
        "cells": [
            {"value": job.kind},
            {"state": LAMPS[state], "value": STATES[state], "note": job.message},
            {"percent": job.progress, "value": f"{job.progress:.0f} %"},
            {"value": job.creator_name or _("the house")},
            {"value": PRIORITIES[Priority(job.priority)]},
            {"at": job.started_at},
            {"value": _took(job)},
        ],
    }


def _took(job: Job) -> str:
    if job.started_at is None:
        return ""
    return _span((job.finished_at or timezone.now()) - job.started_at)


def _span(length: timedelta) -> str:
    """A length of time, as short as it can be said."""
    seconds = max(0.0, length.total_seconds())
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


@signed_in
@require_GET
def detail(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    actor = actor_of(request)
    job = queries.get_job(actor=actor, job_id=id)
    state, may_change = State(job.state), has(actor, JobPermission.MANAGE, job)
    may_cancel = may_change and state not in FINAL and job.cancel_requested_at is None
    may_retry = may_change and state in (State.FAILED, State.CANCELLED)
    actions = []
    if may_cancel:
        actions.append(Action(_("Cancel"), dialog="cancel-job", icon="x", is_danger=True))
    if may_retry:
        actions.append(
            Action(_("Try again"), dialog="retry-job", icon="rotate-ccw", is_primary=True)
        )
    page = Page(
        title=job.kind,
        sentence=job.public_id,
        up={"label": _("Jobs"), "url": reverse("console:jobs")},
        actions=actions,
    )
    path = f"/api/v1/jobs/{job.public_id}"
    return show(
        request,
        "console/jobs/detail.html",
        page,
        job_id=job.public_id,
        kind=job.kind,
        percent=job.progress,
        message=job.message,
        is_over=state in FINAL,
        lamp={"state": LAMPS[state], "label": STATES[state]},
        stages=_stages(job),
        facts=_facts(job) + _callbacks(actor, job),
        entries=_entries(job),
        error=job.error,
        payload=_text(job.payload),
        result=_text(job.result) if state is State.COMPLETED else "",
        result_url=address_of(job.public_id) if state is State.COMPLETED else "",
        topic="job.progress" if has(actor, EventsPermission.TOPIC_LISTEN) else "",
        here=request.get_full_path(),
        may_change=may_change,
        cancel_url=reverse("console:job-cancel", args=[job.public_id]),
        retry_url=reverse("console:job-retry", args=[job.public_id]),
        samples=code_samples(
            request,
            "GET",
            path,
            graphql=f'{{ job(id: "{job.public_id}") {{ status progress result }} }}',
        ),
    )


def _text(value: Any) -> str:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}\n…"


def _stages(job: Job) -> list[dict[str, Any]]:
    """The steps as blocks of the track; without steps the job is one block."""
    if not job.steps:
        return [_stage(job, job.kind, job.started_at, job.finished_at, is_last=True)]
    *before, last = job.steps
    stages = [
        _stage(job, step["name"], _moment(step["started_at"]), _moment(step["ended_at"]))
        for step in before
    ]
    started, ended = _moment(last["started_at"]), _moment(last["ended_at"])
    return [*stages, _stage(job, last["name"], started, ended, is_last=True)]


def _stage(
    job: Job, label: str, started: datetime | None, ended: datetime | None, *, is_last: bool = False
) -> dict[str, Any]:
    state = State(job.state)
    is_here = is_last and state is State.RUNNING
    lamp = LAMPS[state] if is_last else "clear"
    percent = job.progress if len(job.steps) < 2 else 50  # how far within a step is not said
    return {
        "label": label,
        "detail": _span((ended or timezone.now()) - started) if started else "",
        "state": lamp,
        "percent": percent if is_last else 100,
        "is_current": is_here,
    }


def _moment(text: str | None) -> datetime | None:
    return parse_datetime(text) if text else None


def _facts(job: Job) -> list[dict[str, Any]]:
    end = queries.estimated_end(job)
    facts: list[dict[str, Any]] = [
        {"label": _("Id"), "kind": "id", "value": job.public_id},
        {"label": _("By"), "value": job.creator_name or _("the house")},
        {"label": _("Priority"), "kind": "tag", "value": PRIORITIES[Priority(job.priority)]},
        {"label": _("Attempts"), "value": f"{job.attempts} / {job.max_attempts}"},
        {"label": _("Submitted"), "kind": "time", "at": job.created_at},
        {"label": _("Started"), "kind": "time", "at": job.started_at, "missing": _("not yet")},
    ]
    if end is not None:
        facts.append({"label": _("Likely done"), "kind": "time", "at": end})
    if job.finished_at is not None:
        facts.append({"label": _("Ended"), "kind": "time", "at": job.finished_at})
        facts.append({"label": _("Took"), "value": _took(job)})
    if job.callback_url:
        facts.append({"label": _("Told when done"), "value": job.callback_url})
    return facts + _family(job)


def _callbacks(actor: Actor, job: Job) -> list[dict[str, Any]]:
    """What became of telling its callback, for those who may know."""
    if not job.callback_url or not has(actor, EventsPermission.WEBHOOK_VIEW):
        return []
    return [
        {
            "label": _("Callback"),
            "value": DELIVERY_STATES[delivery.state],
            "url": reverse("console:delivery", args=[delivery.public_id]),
            "note": delivery.last_error,
        }
        for delivery in events.callbacks(actor=actor, job_id=job.public_id)[:MOST_CALLBACKS]
    ]


def _family(job: Job) -> list[dict[str, Any]]:
    found = []
    if job.parent is not None:
        url = reverse("console:job", args=[job.parent.public_id])
        found.append({"label": _("Part of"), "value": job.parent.kind, "url": url})
    counts = queries.count_children(job=job)
    if counts:
        words = [f"{count} {str(STATES[State(name)]).lower()}" for name, count in counts.items()]
        url = f"{reverse('console:jobs')}?parent={job.public_id}"
        found.append({"label": _("Children"), "value": ", ".join(words), "url": url})
    return found


def _entries(job: Job) -> list[dict[str, Any]]:
    """What happened, newest first, as far as the row remembers."""
    told = [_entry(_("Submitted"), job.created_at, actor=job.creator_name or _("the house"))]
    if job.started_at is not None:
        text = _("Attempt %(number)d began") % {"number": job.attempts}
        told.append(_entry(text, job.started_at, "moving"))
    told += [_entry(step["name"], _moment(step["started_at"]), "moving") for step in job.steps]
    if job.cancel_requested_at is not None:
        told.append(_entry(_("Asked to stop"), job.cancel_requested_at, "caution"))
    if job.finished_at is not None:
        state = State(job.state)
        detail = job.error["message"] if job.error else ""
        told.append(_entry(STATES[state], job.finished_at, LAMPS[state], detail=detail))
    return _in_order(told)


def _entry(
    text: Any, at: datetime | None, state: str = "off", *, actor: str = "", detail: str = ""
) -> dict[str, Any]:
    return {"text": text, "at": at, "state": state, "actor": actor, "detail": detail}


def _in_order(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Newest first; of the same moment, what was told later."""
    for before, after in pairwise(told):
        after["at"] = after["at"] or before["at"]
    return sorted(told, key=lambda entry: entry["at"])[::-1]


@signed_in
@require_POST
def cancel(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    where = reverse("console:job", args=[id])
    try:
        job = submissions.cancel_job(actor=actor_of(request), job_id=id)
    except AppError as error:
        return refused(request, error, where)
    is_over = job.state == State.CANCELLED
    return done(request, _("It is cancelled.") if is_over else _("It was asked to stop."), where)


@signed_in
@require_POST
def retry(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    where = reverse("console:job", args=[id])
    try:
        submissions.retry_job(actor=actor_of(request), job_id=id)
    except AppError as error:
        return refused(request, error, where)
    return done(request, _("It waits for its turn again."), where)


@signed_in
@require_POST
def cancel_selected(request: HttpRequest) -> HttpResponse:
    """Each chosen job; one that has ended meanwhile stops none of the others."""
    where = reverse("console:jobs")
    count, refusal = 0, None
    for job_id in request.POST.getlist("selected"):
        try:
            submissions.cancel_job(actor=actor_of(request), job_id=job_id)
            count += 1
        except AppError as error:
            refusal = error
    if refusal is not None and not count:
        return refused(request, refusal, where)
    text = ngettext("%(count)d job is cancelled.", "%(count)d jobs are cancelled.", count)
    return done(request, text % {"count": count}, where)
