"""Trying a model: a form made of its feature schema. A script sends it to the door that programs use and draws the answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from apps.console.feature_fields import MOST_FIELDS, fields_of, first_values
from apps.console.listing import filter_bar
from apps.console.model_tabs import address, tabs_of
from apps.console.outcome_fields import outcome_field
from apps.console.page import Action, Page, actor_of, show
from apps.console.refusals import signed_in
from apps.console.samples import code_samples
from apps.core.actor import Actor
from apps.core.errors import NotFound
from apps.core.permissions import has, require
from apps.models.enums import Stage, VersionStatus
from apps.models.permissions import ModelsPermission
from apps.models.queries import registry as queries

if TYPE_CHECKING:
    from apps.models.models import ModelVersion, RegisteredModel

OFFERED = 100
"""Versions to choose from, newest first."""


@signed_in
@require_GET
def try_it(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    actor = actor_of(request)
    require(actor, ModelsPermission.PREDICT)
    model = queries.model(actor=actor, name=id)
    ready = queries.versions(actor=actor, name=id).filter(status=VersionStatus.READY)
    versions = list(ready[:OFFERED])
    tag = request.GET.get("version", "")
    version = _chosen(actor, id, tag, versions)
    page = Page(
        title=model.name,
        sentence=_("Ask it as a program would, and see which features pushed the answer where."),
        up={"label": _("Models"), "url": reverse("console:models")},
        tabs=tabs_of(actor, model, "model-try"),
    )
    return show(
        request,
        "console/models/try.html",
        page,
        filter=filter_bar(request, [_version_filter(model, versions)]),
        empty=_empty(actor, model),
        asked=None if version is None else _asked(request, model, version, tag),
    )


def _chosen(actor: Actor, name: str, tag: str, versions: list[ModelVersion]) -> ModelVersion | None:
    """What the address names, else the one in production, else the newest; None where nothing can answer."""
    if tag:
        found = queries.version(actor=actor, name=name, tag=tag)
        if found.status != VersionStatus.READY:
            raise NotFound
        return found
    serving = [each for each in versions if each.stage == Stage.PRODUCTION]
    return next(iter(serving or versions), None)


def _version_filter(model: Any, versions: list[ModelVersion]) -> dict[str, Any]:
    serving = next((each.label for each in versions if each.stage == Stage.PRODUCTION), None)
    usual = _("In production: %(version)s") % {"version": serving} if serving else _("Newest")
    aliases = [
        (f"@{each.name}", f"@{each.name} → {each.version.label}") for each in model.aliases.all()
    ]
    labels = [(each.label, _with_stage(each)) for each in versions]
    return {"name": "version", "label": usual, "kind": "choice", "options": aliases + labels}


def _with_stage(version: ModelVersion) -> str:
    return version.label if version.stage == Stage.NONE else f"{version.label} · {version.stage}"


def _empty(actor: Actor, model: RegisteredModel) -> dict[str, Any]:
    where = reverse("console:model-version-new", args=[address(model)])
    may_add = has(actor, ModelsPermission.MANAGE)
    return {
        "title": _("No version can answer yet"),
        "sentence": _("Upload one: it is opened and tried at once, then it can be asked here."),
        "action": Action(_("Upload a version"), url=where, icon="plus") if may_add else None,
    }


def _asked(
    request: HttpRequest, model: RegisteredModel, version: ModelVersion, tag: str
) -> dict[str, Any]:
    """What `models/try.html` shows of the version. Without a word from the reader, calls name none either."""
    schema, example = version.feature_schema, version.input_example
    values = first_values(schema, example if isinstance(example, dict) else None)
    named = tag or ("" if version.stage == Stage.PRODUCTION else version.label)
    query = urlencode({"version": named} if named else {}, safe="@")
    path = f"/predict/{quote(model.name)}"
    shown = f"{path}?{urlencode({**({'version': named} if named else {}), 'explain': 'true'}, safe='@')}"
    is_long = len(schema) > MOST_FIELDS
    return {
        "version": version.label,
        "url": f"{path}?{query}" if query else path,
        "fields": [] if is_long else fields_of(schema, values),
        "text": json.dumps(values, indent=2, ensure_ascii=False) if is_long else "",
        "names": json.dumps(list(schema), ensure_ascii=False),
        "defaults": json.dumps(
            {name: spec["default"] for name, spec in schema.items() if "default" in spec},
            ensure_ascii=False,
        ),
        "outcome": outcome_field(version),
        "log_url": reverse("console:model-predictions", args=[address(model)]),
        "curl": code_samples(request, "POST", shown, body={"features": values})[0]["text"],
        "origin": f"{request.scheme}://{request.get_host()}",
    }
