"""Members and invitations."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.console.forms import InviteForm, MemberForm, revision_of
from apps.console.listing import Column, Listing
from apps.console.page import Action, Page, actor_of, add_errors, done, refused, show, signed_in
from apps.core.actor import Actor, Role
from apps.core.errors import AppError
from apps.core.permissions import has
from apps.tenants.models import Invitation, Membership
from apps.tenants.permissions import TenantPermission
from apps.tenants.queries import people
from apps.tenants.services import invitations, members


@signed_in
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    may_manage = has(actor, TenantPermission.MEMBER_MANAGE)
    page = Page(
        title=_("Members"),
        sentence=_("Who belongs to this organisation, and what they may do."),
        actions=[_invite_action()] if may_manage else [],
    )
    open_ones = people.invitations(actor).filter(accepted_at=None, revoked_at=None) if may_manage else []
    return show(
        request,
        "console/members/index.html",
        page,
        table=_listing(actor).pages(request, people.members(actor)),
        invitations=[_invitation_row(row) for row in open_ones],
    )


def _invite_action() -> Action:
    return Action(_("Invite"), url=reverse("console:invite"), icon="plus", is_primary=True)


def _listing(actor: Actor) -> Listing:
    may_manage = has(actor, TenantPermission.MEMBER_MANAGE)
    return Listing(
        id="members",
        label=_("Members"),
        columns=[
            Column(_("Name"), order="user__name"),
            Column(_("E-mail"), order="user__email"),
            Column(_("Role"), "tag", order="role"),
            Column(_("Joined"), "time", order="created_at", is_minor=True),
        ],
        row=lambda member: _row(member, may_manage=may_manage),
        empty={"title": _("Nobody here yet")},
        topic="audit.events" if may_manage else "",
        events="tenants.",
    )


def _row(member: Membership, *, may_manage: bool) -> dict[str, Any]:
    url = reverse("console:member", args=[member.public_id])
    roles = [member.role, _("approver")] if member.is_approver else [member.role]
    return {
        "id": member.public_id,
        "url": url if may_manage else "",
        "label": member.user.email,
        "cells": [
            {"value": member.user.name or member.user.email},
            {"value": member.user.email},
            {"values": roles},
            {"at": member.created_at},
        ],
    }


def _invitation_row(row: Invitation) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "email": row.email,
        "role": row.role,
        "is_approver": row.is_approver,
        "expires_at": row.expires_at,
        "revoke_url": reverse("console:invitation-revoke", args=[row.public_id]),
    }


@signed_in
@require_http_methods(["GET", "POST"])
def invite(request: HttpRequest) -> HttpResponse:
    """Make an invitation; its link is shown this once."""
    actor = actor_of(request)
    form = InviteForm(request.POST or None)
    page = Page(
        title=_("Invite someone"),
        sentence=_("You get a link to send them. It works once, for seven days."),
        up={"label": _("Members"), "url": reverse("console:members")},
    )
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            invited = invitations.invite(
                actor=actor, email=data["email"], role=Role(data["role"]), is_approver=data["is_approver"]
            )
        except AppError as error:
            add_errors(form, error)
        else:
            return show(request, "console/members/invited.html", page, email=data["email"], link=invited.url)
    return show(request, "console/members/invite.html", page, form=form, status=422 if form.errors else 200)


@signed_in
@require_POST
def revoke_invitation(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    where = reverse("console:members")
    try:
        invitation = invitations.revoke_invitation(actor=actor_of(request), invitation_id=id)
    except AppError as error:
        return refused(request, error, where)
    return done(request, _("The invitation of %(email)s no longer works.") % {"email": invitation.email}, where)


@signed_in
@require_http_methods(["GET", "POST"])
def detail(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    """One member: change the role or the grant, or take them out."""
    actor = actor_of(request)
    member = people.member(actor, id)
    start = {"role": member.role, "is_approver": member.is_approver, "revision": member.revision}
    form = MemberForm(request.POST or None, initial=start)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            members.change_member(
                actor=actor,
                member_id=id,
                role=Role(data["role"]),
                is_approver=data["is_approver"],
                expected_revision=revision_of(form),
            )
        except AppError as error:
            add_errors(form, error)
        else:
            return done(request, _("Changed. It holds from their next click."), reverse("console:members"))
    name = member.user.name or member.user.email
    page = Page(
        title=name,
        sentence=member.user.email,
        up={"label": _("Members"), "url": reverse("console:members")},
        actions=[Action(_("Remove"), dialog="remove-member", icon="trash-2", is_danger=True)],
    )
    facts = [
        {"label": _("Id"), "kind": "id", "value": member.public_id},
        {"label": _("Joined"), "kind": "time", "at": member.created_at},
    ]
    return show(
        request,
        "console/members/detail.html",
        page,
        form=form,
        facts=facts,
        name=name,
        remove_url=reverse("console:member-remove", args=[id]),
        status=422 if form.errors else 200,
    )


@signed_in
@require_POST
def remove(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    where = reverse("console:members")
    try:
        members.remove_member(actor=actor_of(request), member_id=id)
    except AppError as error:
        return refused(request, error, where)
    return done(request, _("They no longer belong to this organisation."), where)
