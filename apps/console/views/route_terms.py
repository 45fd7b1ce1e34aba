"""Making and changing a route: rows of targets, a picture of the shares they come to, and what to do when somebody
else changed it meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.console import shares
from apps.console.page import Page, actor_of, done, show
from apps.console.refusals import add_errors, signed_in
from apps.console.route_diffs import changes
from apps.console.route_forms import SPARE, RouteForm, guardrail_lines, rows_of
from apps.console.views.routes import up
from apps.core.actor import Actor
from apps.core.errors import AppError, Stale
from apps.core.permissions import require
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import routing
from apps.providers.services import routes

if TYPE_CHECKING:
    from apps.providers.models import Route

STALE = 412


@signed_in
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    require(actor, ProvidersPermission.MANAGE)
    if _is_draft(request):
        return _show(request, None, _draft(request, None))
    start = {"is_enabled": True, "retries": 2, "cache_seconds": 0, "rows": SPARE}
    form = _form(actor, None, request.POST or None, rows=rows_of(request.POST), initial=start)
    status = 422
    if request.method == "POST" and form.is_valid():
        try:
            made = routes.create_route(actor=actor, **{"targets": [], **form.terms()})
        except AppError as error:
            status = add_errors(form, error, **form.places)
        else:
            text = _("“%(name)s” is ready for calls.") % {"name": made.name}
            return done(request, text, reverse("console:route", args=[made.public_id]))
    return _show(request, None, form, status=status)


@signed_in
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    actor = actor_of(request)
    require(actor, ProvidersPermission.MANAGE)
    route = routing.route(actor=actor, name=id)
    if _is_draft(request):
        return _show(request, route, _draft(request, route))
    start = _shown(routes.definition(route), route.revision)
    rows = rows_of(request.POST) if request.method == "POST" else start["rows"]
    form = _form(actor, route, request.POST or None, rows=rows, initial=start)
    status = 422
    if request.method == "POST" and form.is_valid():
        try:
            changed = routes.update_route(
                actor=actor,
                name=id,
                expected_revision=form.cleaned_data["revision"],
                **form.terms(),
            )
        except Stale:
            return _show_stale(request, route, form)
        except AppError as error:
            status = add_errors(form, error, **form.places)
        else:
            text = _("Saved as version %(number)d. Every process follows within a second.")
            where = reverse("console:route", args=[id])
            return done(request, text % {"number": changed.revision}, where)
    return _show(request, route, form, status=status)


def _is_draft(request: HttpRequest) -> bool:
    """Not to be saved yet: more rows are wanted, or a look at the shares."""
    return request.method == "POST" and bool({"more", "preview"} & request.POST.keys())


def _draft(request: HttpRequest, route: Route | None) -> RouteForm:
    """The form as it came, unjudged."""
    more = SPARE if "more" in request.POST else 0
    rows = rows_of(request.POST) + more
    initial = {**request.POST.dict(), "rows": rows}
    return _form(actor_of(request), route, None, rows=rows, initial=initial)


def _form(
    actor: Actor, route: Route | None, data: Any, *, rows: int, initial: dict[str, Any]
) -> RouteForm:
    deployments = [
        (each.public_id, f"{each.name} · {each.provider.name}")
        for each in routing.deployments(actor=actor)
    ]
    names = [each.name for each in routing.routes(actor=actor) if route is None or each != route]
    return RouteForm(
        data,
        initial=initial,
        deployments=deployments,
        routes=[(name, name) for name in names],
        rows=rows,
        is_new=route is None,
        moves_targets=route is None or not route.managed_by,
    )


def _shown(definition: Mapping[str, Any], revision: int) -> dict[str, Any]:
    """A definition as the form shows it."""
    names = (
        "description", "sticky", "retries", "cache_seconds", "captures", "continues", "prompt",
        "is_enabled",
    )  # fmt: skip
    shown = {name: definition[name] for name in names}
    for number, target in enumerate(definition["targets"]):
        shown[f"target_{number}"] = target["deployment"]
        shown[f"weight_{number}"] = f"{target['weight']:g}"
        shown[f"priority_{number}"] = target["priority"]
    shown |= {f"fallback_{number}": name for number, name in enumerate(definition["fallbacks"])}
    shown["guardrails"] = guardrail_lines(definition["guardrails"])
    return shown | {"rows": len(definition["targets"]) + SPARE, "revision": revision}


def _show_stale(request: HttpRequest, seen: Route, form: RouteForm) -> HttpResponse:
    """Nothing is lost and nothing overwritten: the form holds theirs with what this person changed put on top, and
    what saving it would change stands above.
    """
    actor = actor_of(request)
    route = routing.route(actor=actor, name=seen.public_id)
    present = routes.definition(route)
    began = routing.route_versions(actor=actor, name=seen.public_id).filter(
        revision=form.cleaned_data["revision"]
    )
    base: Mapping[str, Any] = next((version.definition for version in began), {})
    names = {each.public_id: each.name for each in routing.deployments(actor=actor)}
    mine = form.terms()
    if "targets" in mine:
        mine["targets"] = [{**each, "name": names[each["deployment"]]} for each in mine["targets"]]
    wanted = present | {name: mine[name] for name in mine if mine[name] != base.get(name)}
    start = _shown(wanted, route.revision)
    again = _form(actor, route, None, rows=start["rows"], initial=start)
    stale = {
        "changes": changes(present, wanted),
        "url": reverse("console:route-edit", args=[route.public_id]),
        "number": route.revision,
    }
    return _show(request, route, again, stale=stale, status=STALE)


def _show(
    request: HttpRequest,
    route: Route | None,
    form: RouteForm,
    *,
    stale: dict[str, Any] | None = None,
    status: int = 422,
) -> HttpResponse:
    page = Page(
        title=route.name if route else _("New route"),
        sentence=_("Calls of this name go to its targets by weight, within the first priority.")
        if route is None
        else _("What changes holds from the next call on, and is kept as a version."),
        up=up() if route is None else {"label": route.name, "url": _where(route)},
    )
    return show(
        request,
        "console/routes/form.html",
        page,
        form=form,
        stale=stale,
        managed_by=route.managed_by if route else "",
        preview=shares.picture(_parts(form), label=_("Shares after saving")),
        now=shares.picture(shares.parts_of(route), label=_("Shares now"), is_small=True)
        if route
        else None,
        sections=_sections(form),
        cancel_url=_where(route),
        form_url=request.path,
        status=status if form.errors or stale else 200,
    )


def _where(route: Route | None) -> str:
    return reverse("console:route", args=[route.public_id]) if route else reverse("console:routes")


def _parts(form: RouteForm) -> list[shares.Part]:
    """What the rows come to, whether or not they would be let through."""
    found = []
    for target, weight, priority in form.target_rows:
        if target.value():
            names = dict(target.field.choices)
            name = str(names.get(target.value(), "?")).partition(" · ")[0]
            found.append(
                shares.Part(name, _number(weight.value(), 1.0), int(_number(priority.value(), 0)))
            )
    return found


def _number(text: Any, default: float) -> float:
    try:
        number = float(text)
    except (TypeError, ValueError):
        return default
    return number if 0 <= number < 1e9 else default  # NaN and infinity are left out as well


def _sections(form: RouteForm) -> dict[str, dict[str, Any]]:
    def section(title: str, *names: str, help: str = "") -> dict[str, Any]:  # noqa: A002 - as fields call it
        fields = [form[name] for name in names if name in form.fields]
        return {"title": title, "help": help, "fields": fields}

    fallbacks = _("Other routes, tried in this order when every target failed.")
    return {
        "head": section("", "name", "description"),
        "fallbacks": {
            "title": _("Fallbacks"),
            "help": fallbacks,
            "fields": form.fallback_fields,
        },
        "behaviour": section(_("Behaviour"), "sticky", "retries", "continues", "cache_seconds"),
        "content": section(_("Content"), "prompt", "guardrails", "captures"),
        "end": section("", "is_enabled"),
    }
