"""Policies of approval: the list, a new one, a change, the removal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.approvals.domain import terms
from apps.approvals.permissions import ApprovalsPermission
from apps.approvals.queries import policies as queries
from apps.approvals.services import policies
from apps.console.listing import Column, Listing
from apps.console.page import Action, Page, actor_of, done, show
from apps.console.refusals import add_errors, refused, signed_in
from apps.console.views.approvals import approval_tabs
from apps.core.actor import Actor
from apps.core.errors import AppError
from apps.core.permissions import has, require

if TYPE_CHECKING:
    from apps.approvals.models import Policy

DAY = 86_400
TOPIC, EVENTS = "audit.events", "approvals.policy"


class PolicyForm(forms.Form):
    """What a policy asks for. Who may be named is known only once somebody looks."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    kind = forms.CharField(
        label=gettext_lazy("What needs approval"),
        max_length=80,
        help_text=gettext_lazy("model.promotion, rollout.start or rollout.stage"),
    )
    selector = forms.CharField(
        label=gettext_lazy("Names"),
        max_length=200,
        initial=terms.ANYTHING,
        help_text=gettext_lazy("* is all of them, churn-* those that begin so, or one name."),
    )
    quorum = forms.IntegerField(
        label=gettext_lazy("How many approve"),
        min_value=1,
        max_value=terms.MAX_QUORUM,
        initial=1,
    )
    approvers = forms.MultipleChoiceField(
        label=gettext_lazy("Who"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None chosen: anyone with the approver grant."),
    )
    days = forms.FloatField(
        label=gettext_lazy("Days it waits"),
        required=False,
        min_value=terms.MIN_SECONDS / DAY,
        max_value=terms.MAX_SECONDS / DAY,
        help_text=gettext_lazy("Empty: as long as the house waits."),
    )
    is_enabled = forms.BooleanField(label=gettext_lazy("In force"), required=False, initial=True)
    revision = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, actor: Actor, *args: Any, named: Any = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = queries.approver_names(actor)
        if named:  # somebody who lost the grant stays to be seen, and to be left out
            people |= queries.approver_names(actor, named)
        field = self.fields["approvers"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = list(people.items())

    def terms(self) -> dict[str, Any]:
        data = dict(self.cleaned_data)
        data.pop("revision")
        days = data.pop("days")
        return {**data, "expires_seconds": None if days is None else round(days * DAY)}


@signed_in
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    page = Page(
        title=_("Approvals"),
        sentence=_("Which deeds need the agreement of others, how many, and whose."),
        tabs=approval_tabs(actor, "policies"),
        actions=[_new(_("New policy"))] if _may_manage(actor) else [],
    )
    table = _listing(actor).pages(request, queries.visible_policies(actor=actor))
    return show(request, "console/approvals/policies.html", page, table=table)


def _listing(actor: Actor) -> Listing:
    return Listing(
        id="approval-policies",
        label=_("Policies"),
        columns=[
            Column(_("Name"), order="name"),
            Column(_("In force"), "lamp"),
            Column(_("What"), "code", order="kind"),
            Column(_("Names"), "code"),
            Column(_("How many"), "number"),
            Column(_("Made"), "time", is_minor=True),
        ],
        row=_row,
        empty={
            "title": _("Nothing needs approval"),
            "sentence": _("Whoever may promote or roll out does so at once, until a policy asks."),
            "action": _new(_("Make the first policy")) if _may_manage(actor) else None,
        },
        topic=TOPIC if _may_manage(actor) else "",
        events=EVENTS,
        has_bar=False,
    )


def _row(policy: Policy) -> dict[str, Any]:
    is_on = policy.is_enabled
    return {
        "id": policy.public_id,
        "url": reverse("console:approval-policy", args=[policy.public_id]),
        "label": policy.name,
        "cells": [
            {"value": policy.name},
            {"state": "clear" if is_on else "off", "value": _("Yes") if is_on else _("No")},
            {"value": policy.kind},
            {"value": policy.selector},
            {"value": policy.quorum},
            {"at": policy.created_at},
        ],
    }


@signed_in
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    require(actor, ApprovalsPermission.POLICY_MANAGE)
    form = PolicyForm(actor, request.POST or None)
    status = 422
    if request.method == "POST" and form.is_valid():
        try:
            policies.create_policy(actor=actor, **form.terms())
        except AppError as error:
            status = add_errors(form, error, expires_seconds="days")
        else:
            return done(request, _("The policy is made."), reverse("console:approval-policies"))
    page = Page(title=_("New policy"), up=_up(_("Policies"), "console:approval-policies"))
    return show(
        request,
        "console/approvals/policy.html",
        page,
        form=form,
        status=status if form.errors else 200,
    )


@signed_in
@require_http_methods(["GET", "POST"])
def detail(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    """A policy as a form; for those who may not change it, as it is."""
    actor = actor_of(request)
    policy = queries.policy(actor=actor, policy_id=id)
    may_manage = _may_manage(actor)
    form = PolicyForm(actor, request.POST or None, initial=_initial(policy), named=policy.approvers)
    status = 422
    if request.method == "POST":
        require(actor, ApprovalsPermission.POLICY_MANAGE)
        if form.is_valid():
            try:
                policies.update_policy(
                    actor=actor,
                    policy_id=id,
                    expected_revision=form.cleaned_data["revision"],
                    **form.terms(),
                )
            except AppError as error:
                status = add_errors(form, error, expires_seconds="days")
            else:
                return done(request, _("Saved."), reverse("console:approval-policies"))
    page = Page(
        title=policy.name,
        sentence=_("What waits already keeps the terms it was asked under."),
        up=_up(_("Policies"), "console:approval-policies"),
        actions=[Action(_("Delete"), dialog="delete-policy", icon="x", is_danger=True)]
        if may_manage
        else [],
    )
    return show(
        request,
        "console/approvals/policy.html",
        page,
        form=form if may_manage else None,
        facts=_facts(actor, policy),
        policy={"name": policy.name},
        delete_url=reverse("console:approval-policy-delete", args=[id]),
        status=status if form.errors else 200,
    )


@signed_in
@require_POST
def delete(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    where = reverse("console:approval-policies")
    try:
        policies.delete_policy(actor=actor_of(request), policy_id=id)
    except AppError as error:
        return refused(request, error, where)
    return done(request, _("The policy is deleted."), where)


def _initial(policy: Policy) -> dict[str, Any]:
    seconds = policy.expires_seconds
    return {
        **policies.values(policy),
        "days": seconds and seconds / DAY,
        "revision": policy.revision,
    }


def _facts(actor: Actor, policy: Policy) -> list[dict[str, Any]]:
    named = queries.approver_names(actor, policy.approvers) if policy.approvers else {}
    days = policy.expires_seconds and f"{policy.expires_seconds / DAY:g}"
    return [
        {"label": _("What needs approval"), "kind": "code", "value": policy.kind},
        {"label": _("Names"), "kind": "code", "value": policy.selector},
        {"label": _("How many approve"), "value": policy.quorum},
        {
            "label": _("Who"),
            "value": ", ".join(named.values()) or _("anyone with the approver grant"),
        },
        {"label": _("Days it waits"), "value": days or _("as long as the house waits")},
        {"label": _("In force"), "value": _("Yes") if policy.is_enabled else _("No")},
    ]


def _may_manage(actor: Actor) -> bool:
    return has(actor, ApprovalsPermission.POLICY_MANAGE)


def _new(label: str) -> Action:
    return Action(label, url=reverse("console:approval-policy-new"), icon="plus", is_primary=True)


def _up(label: str, name: str) -> dict[str, str]:
    return {"label": label, "url": reverse(name)}
