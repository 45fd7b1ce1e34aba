"""Writing prompts: a new one, a new version of one; and what changed between two versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from apps.console.page import Page, actor_of, done, show
from apps.console.prompt_forms import PromptForm, VersionForm, shown
from apps.console.refusals import add_errors, signed_in
from apps.console.samples import code_samples
from apps.console.views.prompts import address
from apps.core.errors import AppError
from apps.core.pagination import read_integer
from apps.core.permissions import require
from apps.providers.domain.prompts import LATEST, MOST_MESSAGES
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import prompts as queries
from apps.providers.services import prompts

MARKS = {"+": "added", "-": "removed", "@": "place"}


@signed_in
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    require(actor, ProvidersPermission.PROMPT_MANAGE)
    form = PromptForm(_sent(request), rows=_rows(request, 2))
    status = 422
    if _is_final(request) and form.is_valid():
        data = form.cleaned_data
        try:
            prompt = prompts.create_prompt(
                actor=actor, name=data["name"], description=data["description"], **form.terms()
            )
        except AppError as error:
            status = add_errors(form, form.placed(error))
        else:
            where = reverse("console:prompt", args=[address(prompt)])
            return done(request, _("The prompt is kept as v1."), where)
    page = Page(
        title=_("New prompt"),
        sentence=_("Braces mark what calls fill in: {{shop}}."),
        up={"label": _("Prompts"), "url": reverse("console:prompts")},
    )
    return _show_form(request, page, form, reverse("console:prompts"), status)


@signed_in
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    """The next version, beginning with the words of another."""
    actor = actor_of(request)
    require(actor, ProvidersPermission.PROMPT_MANAGE)
    prompt = queries.prompt(actor=actor, name=id)
    base = queries.version(actor=actor, name=id, tag=request.GET.get("from") or LATEST)
    start = {**shown(base.messages), "parameters": base.parameters, "revision": prompt.revision}
    form = VersionForm(_sent(request), rows=_rows(request, len(base.messages)), initial=start)
    status, where = 422, reverse("console:prompt", args=[address(prompt)])
    if _is_final(request) and form.is_valid():
        revision = form.cleaned_data["revision"]
        try:
            version = prompts.add_version(
                actor=actor, name=id, expected_revision=revision, **form.terms()
            )
        except AppError as error:
            status = add_errors(form, form.placed(error))
        else:
            text = _("It is kept as v%(number)d.") % {"number": version.number}
            return done(request, text, f"{where}?version={version.number}")
    page = Page(
        title=_("New version"),
        sentence=_("It begins with the words of v%(number)d, which stays as it is.")
        % {"number": base.number},
        up={"label": prompt.name, "url": where},
    )
    return _show_form(request, page, form, where, status)


def _sent(request: HttpRequest) -> Mapping[str, Any] | None:
    return request.POST or None


def _is_final(request: HttpRequest) -> bool:
    """Not when one more message was asked for."""
    return request.method == "POST" and "more" not in request.POST


def _rows(request: HttpRequest, before: int) -> int:
    if request.method != "POST":
        return before
    rows = read_integer(request.POST.get("rows"), "rows", default=before, maximum=MOST_MESSAGES)
    return rows + ("more" in request.POST)


def _show_form(
    request: HttpRequest, page: Page, form: VersionForm, cancel_url: str, status: int
) -> HttpResponse:
    is_wrong = _is_final(request) and bool(form.errors)
    messages = [(form[f"role_{i}"], form[f"content_{i}"]) for i in range(form.count)]
    names = {name for pair in messages for name in (pair[0].name, pair[1].name)}
    return show(
        request,
        "console/prompts/form.html",
        page,
        form=form,
        before=[form[name] for name in form.own_fields],
        messages_of_prompt=messages,
        after=[field for field in form if field.name not in names | {"rows", *form.own_fields}],
        rows=form.count,
        may_add=form.count < MOST_MESSAGES,
        cancel_url=cancel_url,
        status=status if is_wrong else 200,
    )


@signed_in
@require_GET
def compare(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    """What changed from one version to another."""
    actor = actor_of(request)
    prompt = queries.prompt(actor=actor, name=id)
    numbers = list(queries.versions(actor=actor, name=id).values_list("number", flat=True))
    tags = {
        "from": request.GET.get("from") or str(max(1, numbers[0] - 1)),
        "to": request.GET.get("to") or str(numbers[0]),
    }
    found = queries.difference(actor=actor, name=id, before=tags["from"], after=tags["to"])
    return show(
        request,
        "console/prompts/diff.html",
        Page(
            title=_("v%(from)d and v%(to)d") % found,
            sentence=_("What changed from one version to the other."),
            up={"label": prompt.name, "url": reverse("console:prompt", args=[address(prompt)])},
        ),
        filter=_choices(request, numbers, found),
        lines=_lines(found["text"]),
        changes=_changes(found),
        samples=code_samples(
            request,
            "GET",
            f"/api/v1/prompts/{prompt.name}/diff?from={found['from']}&to={found['to']}",
        ),
    )


def _choices(request: HttpRequest, numbers: list[int], found: Mapping[str, Any]) -> dict[str, Any]:
    fields = [
        {
            "name": name,
            "label": label,
            "kind": "choice",
            "options": [
                {"value": number, "label": f"v{number}", "is_selected": number == found[name]}
                for number in numbers
            ],
        }
        for name, label in (("from", _("From")), ("to", _("To")))
    ]
    return {"fields": fields, "url": request.path}


def _lines(text: str) -> list[dict[str, str]]:
    """Without the two lines that name the files."""
    return [
        {"kind": MARKS.get(line[:1], "same"), "mark": line[:1], "text": line[1:]}
        if not line.startswith("@@")
        else {"kind": "place", "mark": "", "text": "…"}
        for line in text.split("\n")[2:]
    ]


def _changes(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    changes = [
        {"label": name, "old": _told(pair["before"]), "new": _told(pair["after"])}
        for name, pair in found["parameters"].items()
    ]
    added = [
        {"label": name, "old": None, "new": _("variable")} for name in found["variables_added"]
    ]
    removed = [
        {"label": name, "old": _("variable"), "new": None} for name in found["variables_removed"]
    ]
    return [*changes, *added, *removed]


def _told(value: Any) -> str | None:
    return None if value is None else str(value)
