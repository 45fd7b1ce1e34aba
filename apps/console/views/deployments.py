"""Deployments: one model at one provider, with its price, size, limits, and the routes it is a target of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.console import deployment_rows
from apps.console.page import Action, Page, actor_of, done, show
from apps.console.provider_forms import CAPABILITY_NAMES, DeploymentForm
from apps.console.refusals import add_errors, refused, signed_in
from apps.console.samples import code_samples
from apps.core.errors import AppError
from apps.core.permissions import has, require
from apps.providers.domain.terms import LIMITS, TIMEOUTS
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import routing
from apps.providers.services import deployments

if TYPE_CHECKING:
    from apps.core.actor import Actor
    from apps.providers.models import Deployment


@signed_in
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest, provider: str) -> HttpResponse:
    actor = actor_of(request)
    require(actor, ProvidersPermission.MANAGE)
    at = routing.provider(actor=actor, provider_id=provider)
    form = DeploymentForm(request.POST or None, initial={"is_enabled": True})
    where, status = reverse("console:provider", args=[provider]), 422
    if request.method == "POST" and form.is_valid():
        terms = form.terms(is_new=True)
        try:
            made = deployments.create_deployment(actor=actor, provider=provider, **terms)
        except AppError as error:
            status = add_errors(form, error, **form.places)
        else:
            text = _("“%(name)s” is made. A route can use it now.") % {"name": made.name}
            return done(request, text, where)
    page = Page(
        title=_("New deployment"),
        sentence=_("One model at this provider, for routes to send calls to."),
        up={"label": at.name, "url": where},
    )
    return _show_form(request, page, form, where, status)


def _show_form(
    request: HttpRequest, page: Page, form: DeploymentForm, where: str, status: int
) -> HttpResponse:
    return show(
        request,
        "console/deployments/form.html",
        page,
        form=form,
        sections=form.sections(),
        cancel_url=where,
        status=status if form.errors else 200,
    )


@signed_in
@require_GET
def detail(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    actor = actor_of(request)
    deployment = routing.deployment(actor=actor, deployment_id=id)
    manages = has(actor, ProvidersPermission.MANAGE)
    at = deployment.provider
    page = Page(
        title=deployment.name,
        sentence=_("%(model)s at %(provider)s") % {"model": deployment.model, "provider": at.name},
        up={"label": at.name, "url": reverse("console:provider", args=[at.public_id])},
        actions=_actions(id) if manages else [],
    )
    return show(
        request,
        "console/deployments/detail.html",
        page,
        name=deployment.name,
        facts=_facts(deployment),
        uses=_uses(actor, deployment),
        may_manage=manages,
        delete_url=reverse("console:deployment-delete", args=[id]),
        samples=code_samples(request, "GET", f"/api/v1/deployments/{id}"),
    )


def _actions(deployment_id: str) -> list[Action]:
    return [
        Action(_("Edit"), url=reverse("console:deployment-edit", args=[deployment_id])),
        Action(_("Delete"), dialog="delete-deployment", icon="trash-2", is_danger=True),
    ]


def _facts(deployment: Deployment) -> list[dict[str, Any]]:
    unknown = _("unknown")
    cached = deployment.cached_input_price
    words = [str(CAPABILITY_NAMES[word]) for word in deployment.capabilities]
    window = _("for 1 M tokens")
    return [
        {"label": _("Health"), "kind": "lamp", **deployment_rows.lamp(deployment)},
        {"label": _("Id"), "kind": "id", "value": deployment.public_id},
        {"label": _("Input"), "value": deployment_rows.dollars(deployment.input_price), "unit": window},
        {"label": _("Output"), "value": deployment_rows.dollars(deployment.output_price), "unit": window},
        {
            "label": _("Cached input"),
            "value": _("as any other") if cached is None else deployment_rows.dollars(cached),
        },
        {"label": _("Context"), "value": _tokens(deployment.context_tokens) or unknown},
        {"label": _("Longest answer"), "value": _tokens(deployment.max_output_tokens) or unknown},
        {"label": _("Capabilities"), "kind": "tag", "values": words or [unknown]},
        {
            "label": _("Limits"),
            "kind": "tag",
            "values": deployment_rows.limits(deployment) or [_("none")],
        },
        {"label": _("Patience"), "value": _patience(deployment)},
        {"label": _("Made"), "kind": "time", "at": deployment.created_at},
    ]  # fmt: skip


def _tokens(count: int | None) -> str:
    return _("%(count)s tokens") % {"count": f"{count:,}"} if count else ""


def _patience(deployment: Deployment) -> str:
    return _("%(first)g s for the first token, %(idle)g s between two, %(total)g s in all") % {
        "first": deployment.first_token_seconds,
        "idle": deployment.idle_seconds,
        "total": deployment.timeout_seconds,
    }


def _uses(actor: Actor, deployment: Deployment) -> list[dict[str, Any]]:
    """The routes that send calls here, with the part of them."""
    return [
        {
            "name": route.name,
            "url": reverse("console:route", args=[route.public_id]),
            "weight": f"{target.weight:g}",
        }
        for route in routing.routes(actor=actor)
        for target in route.targets.all()
        if target.deployment_id == deployment.pk
    ]


@signed_in
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    actor = actor_of(request)
    require(actor, ProvidersPermission.MANAGE)
    deployment = routing.deployment(actor=actor, deployment_id=id)
    form = DeploymentForm(request.POST or None, initial=_shown(deployment))
    where, status = reverse("console:deployment", args=[id]), 422
    if request.method == "POST" and form.is_valid():
        try:
            deployments.update_deployment(
                actor=actor,
                deployment_id=id,
                expected_revision=form.cleaned_data["revision"],
                **form.terms(is_new=False),
            )
        except AppError as error:
            status = add_errors(form, error, **form.places)
        else:
            return done(request, _("Saved. It holds from the next call on."), where)
    page = Page(
        title=deployment.name,
        sentence=_("What changes holds from the next call on."),
        up={"label": _("Deployment"), "url": where},
    )
    return _show_form(request, page, form, where, status)


def _shown(deployment: Deployment) -> dict[str, Any]:
    names = (
        "name", "model", "input_price", "output_price", "cached_input_price", "context_tokens",
        "max_output_tokens", "capabilities", "is_enabled", "revision",
    )  # fmt: skip
    shown = {name: getattr(deployment, name) for name in names}
    for name in ("input_price", "output_price", "cached_input_price"):
        if shown[name] is not None:
            shown[name] = f"{shown[name].normalize():f}"
    shown |= {word: getattr(deployment, column) for word, column in LIMITS.items()}
    return shown | {word: getattr(deployment, column) for word, (column, *_) in TIMEOUTS.items()}


@signed_in
@require_POST
def delete(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    actor = actor_of(request)
    at = routing.deployment(actor=actor, deployment_id=id).provider
    try:
        deployments.remove_deployment(actor=actor, deployment_id=id)
    except AppError as error:
        return refused(request, error, reverse("console:deployment", args=[id]))
    where = reverse("console:provider", args=[at.public_id])
    return done(request, _("The deployment is deleted."), where)
