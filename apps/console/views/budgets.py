"""Budgets: what may be spent, what is, and how to change it. A key's own budget stands on the key's page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.console.budget_forms import PERIODS, SCOPES, BoundsForm, BudgetForm
from apps.console.figures import plain
from apps.console.listing import Column, Listing
from apps.console.meters import meters
from apps.console.page import Action, Page, actor_of, done, show
from apps.console.refusals import add_errors, refused, signed_in
from apps.console.samples import code_samples
from apps.core.actor import Actor
from apps.core.errors import AppError
from apps.core.permissions import has, require
from apps.events.permissions import EventsPermission
from apps.keys.queries import keys
from apps.providers.domain.budgets import EVERYBODY, Standing, ends_of
from apps.providers.enums import BudgetScope, Period
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import budgets as queries
from apps.providers.services import budgets, standings

if TYPE_CHECKING:
    from apps.providers.models import Budget

EXAMPLE = {"scope": "organization", "period": "month", "amount": 250}
CREATE_IN_GRAPHQL = """mutation {
  createBudget(input: {scope: "organization", period: "month", amount: 250}) {
    budget { id }
  }
}"""


@signed_in
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    rows = list(queries.budgets(actor=actor))
    page = Page(
        title=_("Budgets"),
        sentence=_("How much calls of models may cost, and where that stands now."),
        actions=[_new_budget(_("New budget"))] if _may_manage(actor) else [],
    )
    table = _listing(
        actor, _key_names(actor), standings.of_budgets(actor=actor, budgets=rows)
    ).whole(request, rows)
    samples = code_samples(
        request, "POST", "/api/v1/budgets", body=EXAMPLE, graphql=CREATE_IN_GRAPHQL
    )
    return show(request, "console/budgets/index.html", page, table=table, samples=samples)


def _may_manage(actor: Actor) -> bool:
    return has(actor, ProvidersPermission.BUDGET_MANAGE)


def _new_budget(label: str) -> Action:
    return Action(label, url=reverse("console:budget-new"), icon="plus", is_primary=True)


def _key_names(actor: Actor) -> dict[str, str]:
    return dict(keys.visible_keys(actor=actor).values_list("public_id", "name"))


def _listing(actor: Actor, names: Mapping[str, str], standing: Mapping[str, Standing]) -> Listing:
    return Listing(
        id="budgets",
        label=_("Budgets"),
        columns=[
            Column(_("Of")),
            Column(_("Spent"), "meter"),
            Column(_("Begins anew")),
            Column(_("At"), "time", is_minor=True),
        ],
        row=lambda budget: _row(budget, names, standing.get(budget.public_id)),
        empty={
            "title": _("No budget yet"),
            "sentence": _(
                "A budget refuses calls before they cost more than you meant to spend: for "
                "everybody, for a key, or for each of your own users."
            ),
            "action": _new_budget(_("Set the first budget")) if _may_manage(actor) else None,
        },
        topic="audit.events" if has(actor, EventsPermission.AUDIT_VIEW) else "",
        events="providers.budget",
    )


def _row(budget: Budget, names: Mapping[str, str], standing: Standing | None) -> dict[str, Any]:
    ends = _end(budget)
    return {
        "id": budget.public_id,
        "url": reverse("console:budget", args=[budget.public_id]),
        "label": _whose(budget, names),
        "cells": [
            {"value": _whose(budget, names), "note": SCOPES[BudgetScope(budget.scope)]},
            {
                "meters": meters(standing) if standing else (),
                "value": _("%(bounds)s each") % {"bounds": _bounds(budget)},
            },
            {"value": PERIODS[Period(budget.period)]},
            {"at": ends, "missing": _("never")},
        ],
    }


def _whose(budget: Budget, names: Mapping[str, str]) -> str:
    if budget.scope == BudgetScope.ORGANIZATION:
        return _("Everything")
    if budget.subject == EVERYBODY:
        return _("Each end user")
    return names.get(budget.subject, budget.subject)


def _bounds(budget: Budget) -> str:
    bounds = [] if budget.amount is None else [f"${plain(budget.amount):,f}"]
    if budget.tokens is not None:
        bounds.append(_("%(count)s tokens") % {"count": f"{budget.tokens:,}"})
    return _(" and ").join(bounds)


def _end(budget: Budget) -> datetime | None:
    """When it begins anew."""
    begins: date = budget.begins  # type: ignore[attr-defined]  # annotated by the query
    ends = ends_of(Period(budget.period), begins)
    return None if ends is None else datetime.combine(ends, time.min, UTC)


@signed_in
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    require(actor, ProvidersPermission.BUDGET_MANAGE)
    active = keys.visible_keys(actor=actor, state="active").values_list("public_id", "name")
    start = {"scope": "key", "key": request.GET["key"]} if request.GET.get("key") else None
    form = BudgetForm(request.POST or None, keys=active, initial=start)
    status = 422
    if request.method == "POST" and form.is_valid():
        try:
            budgets.create_budget(actor=actor, **_terms(form.cleaned_data))
        except AppError as error:
            scope = form.cleaned_data["scope"]
            subject = {"key": "key", "end_user": "end_user"}.get(scope, "scope")
            status = add_errors(form, error, subject=subject)
        else:
            return done(request, _("The budget holds from now on."), reverse("console:budgets"))
    return show(
        request,
        "console/budgets/new.html",
        Page(
            title=_("New budget"),
            sentence=_("Calls that would go beyond it are refused before they cost anything."),
            up=_up(),
        ),
        form=form,
        status=status if form.errors else 200,
    )


def _terms(data: Mapping[str, Any]) -> dict[str, Any]:
    subjects = {BudgetScope.KEY: data["key"], BudgetScope.END_USER: data["end_user"]}
    return {
        "scope": data["scope"],
        "subject": subjects.get(data["scope"], ""),
        "period": data["period"],
        "amount": data["amount"],
        "tokens": data["tokens"],
    }


def _up() -> dict[str, str]:
    return {"label": _("Budgets"), "url": reverse("console:budgets")}


@signed_in
@require_http_methods(["GET", "POST"])
def detail(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    """One budget, and for those who may, the form that changes it."""
    actor = actor_of(request)
    budget = queries.budget(actor=actor, budget_id=id)
    if request.method == "POST":
        require(actor, ProvidersPermission.BUDGET_MANAGE)
    form = BoundsForm(request.POST or None, initial=_shown(budget))
    status = 422
    if request.method == "POST" and form.is_valid():
        try:
            _change(actor, id, form)
        except AppError as error:
            status = add_errors(form, error)
        else:
            return done(request, _("Saved. It holds within a second."), _up()["url"])
    return _show_budget(request, budget, form, status)


def _show_budget(
    request: HttpRequest, budget: Budget, form: BoundsForm, status: int
) -> HttpResponse:
    actor = actor_of(request)
    name = _whose(budget, _key_names(actor))
    standing = standings.of_budgets(actor=actor, budgets=[budget]).get(budget.public_id)
    remove_it = Action(_("Remove"), dialog="remove-budget", icon="trash-2", is_danger=True)
    return show(
        request,
        "console/budgets/detail.html",
        Page(
            title=name,
            sentence=f"{SCOPES[BudgetScope(budget.scope)]}, {PERIODS[Period(budget.period)]}",
            up=_up(),
            actions=[remove_it] if _may_manage(actor) else [],
        ),
        name=name,
        meters=meters(standing) if standing else [],
        facts=_facts(budget),
        form=form if _may_manage(actor) else None,
        remove_url=reverse("console:budget-remove", args=[budget.public_id]),
        samples=code_samples(request, "GET", f"/api/v1/budgets/{budget.public_id}"),
        status=status if form.errors else 200,
    )


def _shown(budget: Budget) -> dict[str, Any]:
    amount = None if budget.amount is None else plain(budget.amount)
    return {"amount": amount, "tokens": budget.tokens, "revision": budget.revision}


def _change(actor: Actor, budget_id: str, form: BoundsForm) -> None:
    """Only what was changed is sent on."""
    data = form.cleaned_data
    changed = {name: data[name] for name in form.changed_data if name != "revision"}
    if changed:
        budgets.update_budget(
            actor=actor, budget_id=budget_id, expected_revision=data["revision"], **changed
        )


def _facts(budget: Budget) -> list[dict[str, Any]]:
    facts: list[dict[str, Any]] = [
        {"label": _("Id"), "kind": "id", "value": budget.public_id},
        {"label": _("Bound"), "value": _bounds(budget)},
        {"label": _("Begins anew"), "kind": "time", "at": _end(budget), "missing": _("never")},
        {"label": _("Set"), "kind": "time", "at": budget.created_at},
    ]
    if budget.scope == BudgetScope.KEY:
        url = reverse("console:key", args=[budget.subject])
        facts.insert(1, {"label": _("Key"), "value": budget.subject, "kind": "id", "url": url})
    return facts


@signed_in
@require_POST
def remove(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    where = reverse("console:budget", args=[id])
    try:
        budgets.remove_budget(actor=actor_of(request), budget_id=id)
    except AppError as error:
        return refused(request, error, where)
    return done(request, _("The budget is removed."), reverse("console:budgets"))
