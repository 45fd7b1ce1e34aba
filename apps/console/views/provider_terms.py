"""Changing a provider, and choosing which of the models it has become deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from apps.console.page import Page, actor_of, done, show
from apps.console.provider_forms import OPTION, ModelsForm, ProviderTermsForm
from apps.console.refusals import add_errors, signed_in
from apps.core import envelopes
from apps.core.errors import AppError, NotFound, PermissionDenied
from apps.core.permissions import require
from apps.providers.adapters.protocol import DiscoveredModel
from apps.providers.enums import ProviderKind
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import routing
from apps.providers.services import connections, providers

if TYPE_CHECKING:
    from apps.providers.models import Provider


@signed_in
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    actor = actor_of(request)
    require(actor, ProvidersPermission.MANAGE)
    provider: Any = routing.provider(actor=actor, provider_id=id)
    kind = ProviderKind(provider.kind)
    hint = provider.credential_hint if provider.credential_length else None
    form = ProviderTermsForm(request.POST or None, kind=kind, hint=hint, initial=_shown(provider))
    where, status = reverse("console:provider", args=[id]), 422
    if request.method == "POST" and form.is_valid():
        try:
            providers.update_provider(
                actor=actor,
                provider_id=id,
                expected_revision=form.cleaned_data["revision"],
                **form.terms(),
            )
        except AppError as error:
            status = add_errors(form, error, **form.places)
        else:
            return done(request, _("Saved. It holds from the next call on."), where)
    page = Page(
        title=provider.name,
        sentence=_("What changes holds from the next call on."),
        up={"label": _("Provider"), "url": where},
    )
    status = status if form.errors else 200
    return show(
        request, "console/providers/new.html", page, form=form, cancel_url=where, status=status
    )


def _shown(provider: Provider) -> dict[str, Any]:
    return {
        "name": provider.name,
        "base_url": provider.base_url,
        "is_enabled": provider.is_enabled,
        "revision": provider.revision,
        **{f"{OPTION}{name}": value for name, value in provider.options.items()},
    }


@signed_in
@require_http_methods(["GET", "POST"])
def models(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    """What it says it has, asked just now; those that are chosen become deployments."""
    actor = actor_of(request)
    require(actor, ProvidersPermission.MANAGE)
    provider = routing.provider(actor=actor, provider_id=id)
    where = reverse("console:provider", args=[id])
    try:
        offered = connections.offered_models(actor=actor, provider_id=id)
    except (NotFound, PermissionDenied):
        raise
    except AppError as error:
        return _show_models(request, provider, problem=error)
    taken = set(routing.deployments(actor=actor, provider=id).values_list("model", flat=True))
    free = [model for model in offered if model.name not in taken]
    form = ModelsForm(request.POST or None, models=[(m.name, _label(m)) for m in free])
    status = 422
    if request.method == "POST" and form.is_valid():
        try:
            found = connections.discover_deployments(
                actor=actor, provider_id=id, models=form.cleaned_data["models"]
            )
        except AppError as error:
            status = add_errors(form, error)
        else:
            made = len(found.created)
            text = ngettext(
                "%(count)d deployment is made. Check its price.",
                "%(count)d deployments are made. Check their prices.",
                made,
            )
            return done(request, text % {"count": made}, where)
    return _show_models(
        request,
        provider,
        form=form if free else None,
        taken=[model.name for model in offered if model.name in taken],
        status=status if form.errors else 200,
    )


def _label(model: DiscoveredModel) -> str:
    if model.context_tokens is None:
        return model.name
    return _("%(name)s · %(tokens)s tokens of context") % {
        "name": model.name,
        "tokens": f"{model.context_tokens:,}",
    }


def _show_models(
    request: HttpRequest,
    provider: Provider,
    *,
    form: ModelsForm | None = None,
    taken: list[str] | None = None,
    problem: AppError | None = None,
    status: int = 200,
) -> HttpResponse:
    page = Page(
        title=_("Models of %(name)s") % {"name": provider.name},
        sentence=_("What it says it has. Those you choose become deployments that routes can use."),
        up={"label": provider.name, "url": reverse("console:provider", args=[provider.public_id])},
    )
    told = None
    if problem is not None:
        status = envelopes.status_of(problem)
        told = {
            "title": _("It could not be asked"),
            "message": problem.message,
            "remedy": _("Check its address and credential, then try again."),
            "request_id": actor_of(request).request_id,
            "retry_url": request.path,
        }
    return show(
        request,
        "console/providers/models.html",
        page,
        form=form,
        taken=taken or [],
        problem=told,
        cancel_url=reverse("console:provider", args=[provider.public_id]),
        new_url=reverse("console:deployment-new", args=[provider.public_id]),
        status=status,
    )
