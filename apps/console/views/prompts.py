"""Prompts: the list, one with its versions and labels, and a version tried with values for its variables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.console.listing import Column, Listing
from apps.console.page import Action, Page, actor_of, done, show
from apps.console.prompt_forms import LabelForm, TryForm
from apps.console.refusals import add_errors, refused, signed_in
from apps.console.samples import code_samples
from apps.core.actor import Actor
from apps.core.errors import AppError
from apps.core.permissions import has
from apps.events.permissions import EventsPermission
from apps.providers.domain.prompts import LATEST, variables_of
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import prompts as queries
from apps.providers.services import prompts

if TYPE_CHECKING:
    from apps.providers.models import Prompt, PromptVersion

EXAMPLE = {
    "name": "support-desk",
    "messages": [{"role": "system", "content": "You are the support desk of {{shop}}."}],
    "labels": ["production"],
}
LISTED = 100
"""Versions on a prompt's page; the API lists all."""


@signed_in
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    page = Page(
        title=_("Prompts"),
        sentence=_(
            "Texts that calls refer to by name: each change is a version, labels say which one holds."
        ),
        actions=[_new_prompt(_("New prompt"))] if may_manage(actor) else [],
    )
    table = _listing(actor).pages(request, queries.prompts(actor=actor))
    samples = code_samples(request, "POST", "/api/v1/prompts", body=EXAMPLE)
    return show(request, "console/prompts/index.html", page, table=table, samples=samples)


def may_manage(actor: Actor) -> bool:
    return has(actor, ProvidersPermission.PROMPT_MANAGE)


def _new_prompt(label: str) -> Action:
    return Action(label, url=reverse("console:prompt-new"), icon="plus", is_primary=True)


def _listing(actor: Actor) -> Listing:
    return Listing(
        id="prompts",
        label=_("Prompts"),
        columns=[
            Column(_("Name"), order="name"),
            Column(_("Labels"), "tag"),
            Column(_("Versions"), "number"),
            Column(_("Made"), "time", order="created_at", is_minor=True),
        ],
        row=_row,
        empty={
            "title": _("No prompt yet"),
            "sentence": _(
                "Keep the words of a prompt here, and change them without touching your program."
            ),
            "action": _new_prompt(_("Write the first prompt")) if may_manage(actor) else None,
        },
        topic="audit.events" if has(actor, EventsPermission.AUDIT_VIEW) else "",
        events="providers.prompt",
    )


def _row(prompt: Prompt) -> dict[str, Any]:
    return {
        "id": prompt.public_id,
        "url": reverse("console:prompt", args=[address(prompt)]),
        "label": prompt.name,
        "cells": [
            {"value": prompt.name, "note": prompt.description},
            {"values": [f"{name} → v{number}" for name, number in labels_of(prompt).items()]},
            {"value": prompt.newest},  # type: ignore[attr-defined]  # annotated by the query
            {"at": prompt.created_at},
        ],
    }


def address(prompt: Prompt) -> str:
    """What its pages are under: its name, unless that is the name of a page."""
    return prompt.public_id if prompt.name == "new" else prompt.name


def labels_of(prompt: Prompt) -> dict[str, int]:
    """Label → number of the version it names."""
    found = {label.name: label.version.number for label in prompt.labels.all()}
    return dict(sorted(found.items()))


@signed_in
@require_GET
def detail(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    return _show_prompt(request, id)


@signed_in
@require_POST
def try_out(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    """The page again, with the messages as a call would send them."""
    return _show_prompt(request, id, tries=True)


def _show_prompt(
    request: HttpRequest, name: str, *, label_form: LabelForm | None = None, tries: bool = False
) -> HttpResponse:
    actor = actor_of(request)
    prompt = queries.prompt(actor=actor, name=name)
    tag = (request.POST if tries else request.GET).get("version") or _tag_to_begin_with(prompt)
    version = queries.version(actor=actor, name=name, tag=tag)
    versions = list(queries.versions(actor=actor, name=name)[:LISTED])
    numbers = [each.number for each in versions]
    form = TryForm(request.POST if tries else None, names=variables_of(version.messages))
    rendered, status = _rendered(actor, version, form) if tries else (None, 200)
    start = {"version": version.number, "revision": prompt.revision}
    label_form = label_form or LabelForm(numbers=numbers, initial=start)
    return show(
        request,
        "console/prompts/detail.html",
        _page(actor, prompt, version),
        prompt={"name": prompt.name, "revision": prompt.revision},
        version=_shown(version),
        references=_references(prompt, version),
        table=_versions(prompt, version.number).whole(request, versions),
        label_form=label_form if may_manage(actor) else None,
        labels=_label_rows(prompt) if may_manage(actor) else [],
        try_form=form,
        rendered=rendered,
        urls=_urls(prompt),
        samples=code_samples(
            request,
            "POST",
            f"/api/v1/prompts/{prompt.name}/render",
            body={"tag": str(version.number), "variables": dict.fromkeys(form.names, "…")},
        ),
        status=422 if label_form.errors else status,
    )


def _tag_to_begin_with(prompt: Prompt) -> str:
    """What runs, where that is said; else the newest."""
    return "production" if "production" in labels_of(prompt) else LATEST


def _page(actor: Actor, prompt: Prompt, version: PromptVersion) -> Page:
    write_it = Action(
        _("New version"),
        url=f"{reverse('console:prompt-version-new', args=[address(prompt)])}?from={version.number}",
        icon="plus",
        is_primary=True,
    )
    remove_it = Action(_("Remove"), dialog="remove-prompt", icon="trash-2", is_danger=True)
    return Page(
        title=prompt.name,
        sentence=prompt.description,
        up={"label": _("Prompts"), "url": reverse("console:prompts")},
        actions=[write_it, remove_it] if may_manage(actor) else [],
    )


def _rendered(
    actor: Actor, version: PromptVersion, form: TryForm
) -> tuple[list[dict[str, Any]] | None, int]:
    form.is_valid()
    try:
        found = queries.rendered(
            actor=actor,
            name=version.prompt.name,
            tag=str(version.number),
            variables=form.values(),
        )
    except AppError as error:
        return None, add_errors(form, error)
    return found["messages"], 200


def _shown(version: PromptVersion) -> dict[str, Any]:
    parameters = version.parameters
    return {
        "number": version.number,
        "note": version.note,
        "messages": version.messages,
        "parameters": json.dumps(parameters, indent=2, ensure_ascii=False) if parameters else "",
        "at": version.created_at,
        "by": version.created_by.name or version.created_by.email if version.created_by else "",
    }


def _references(prompt: Prompt, version: PromptVersion) -> list[dict[str, Any]]:
    """How calls and routes name this version: by the labels it has, and by its number."""
    labels = [name for name, number in labels_of(prompt).items() if number == version.number]
    told = [(_("Follows “%(label)s”") % {"label": label}, label) for label in labels]
    return [
        {"label": text, "kind": "id", "value": f"{prompt.name}@{tag}", "is_whole": True}
        for text, tag in (*told, (_("Stays this version"), version.number))
    ]


def _versions(prompt: Prompt, chosen: int) -> Listing:
    labels: dict[int, list[str]] = {}
    for name, number in labels_of(prompt).items():
        labels.setdefault(number, []).append(name)
    return Listing(
        id="versions",
        label=_("Versions"),
        columns=[
            Column(_("Version")),
            Column(_("Labels"), "tag"),
            Column(_("By"), is_minor=True),
            Column(_("Made"), "time"),
            Column(_("Difference")),
        ],
        row=lambda version: _version_row(prompt, version, chosen, labels.get(version.number, [])),
        empty={},
    )


def _version_row(
    prompt: Prompt, version: PromptVersion, chosen: int, labels: list[str]
) -> dict[str, Any]:
    here = reverse("console:prompt", args=[address(prompt)])
    before, after = sorted((version.number, chosen))
    compare = reverse("console:prompt-diff", args=[address(prompt)])
    made_by = version.created_by
    difference = (
        {"value": _("shown above")}
        if version.number == chosen
        else {
            "value": _("with v%(number)d") % {"number": chosen},
            "url": f"{compare}?from={before}&to={after}",
        }
    )
    return {
        "id": str(version.number),
        "url": f"{here}?version={version.number}",
        "label": f"v{version.number}",
        "cells": [
            {"value": f"v{version.number}", "note": version.note},
            {"values": labels},
            {"value": (made_by.name or made_by.email) if made_by else ""},
            {"at": version.created_at},
            difference,
        ],
    }


def _label_rows(prompt: Prompt) -> list[dict[str, Any]]:
    return [{"name": name, "number": number} for name, number in labels_of(prompt).items()]


def _urls(prompt: Prompt) -> dict[str, str]:
    names = {"label": "prompt-label", "unlabel": "prompt-unlabel", "remove": "prompt-remove"}
    found = {
        word: reverse(f"console:{name}", args=[address(prompt)]) for word, name in names.items()
    }
    return {**found, "try": reverse("console:prompt-try", args=[address(prompt)])}


@signed_in
@require_http_methods(["POST"])
def label(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    """Let a label name a version."""
    actor = actor_of(request)
    numbers = queries.versions(actor=actor, name=id).values_list("number", flat=True)
    form = LabelForm(request.POST, numbers=numbers)
    if form.is_valid():
        data = form.cleaned_data
        try:
            prompts.set_label(
                actor=actor,
                name=id,
                label=data["label"],
                version=data["version"],
                expected_revision=data["revision"],
            )
        except AppError as error:
            add_errors(form, error)
        else:
            text = _("“%(label)s” names v%(number)d now.") % {
                "label": data["label"],
                "number": data["version"],
            }
            return done(request, text, reverse("console:prompt", args=[id]))
    return _show_prompt(request, id, label_form=form)


@signed_in
@require_POST
def unlabel(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    where = reverse("console:prompt", args=[id])
    try:
        prompts.remove_label(actor=actor_of(request), name=id, label=request.POST.get("label", ""))
    except AppError as error:
        return refused(request, error, where)
    return done(request, _("The label is gone."), where)


@signed_in
@require_POST
def remove(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    try:
        prompts.remove_prompt(actor=actor_of(request), name=id)
    except AppError as error:
        return refused(request, error, reverse("console:prompt", args=[id]))
    return done(request, _("The prompt is removed."), reverse("console:prompts"))
