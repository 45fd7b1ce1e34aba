"""Members and invitations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.console.forms import InviteForm, MemberForm
from apps.console.listing import Column, Listing
from apps.console.page import Action, Page, actor_of, done, show
from apps.console.refusals import add_errors, refused, signed_in
from apps.core.actor import Actor, Role
from apps.core.errors import AppError
from apps.core.permissions import has, require
from apps.tenants.permissions import TenantPermission
from apps.tenants.queries import people
from apps.tenants.services import invitations, members

if TYPE_CHECKING:
    from apps.tenants.models import Invitation, Membership


def people_tabs(current: str) -> list[dict[str, Any]]:
    """Between those who belong here, and the programs that do."""
    places = (("members", _("People")), ("service-accounts", _("Service accounts")))
    return [
        {"label": label, "url": reverse(f"console:{name}"), "is_current": name == current}
        for name, label in places
    ]


@signed_in
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    may_invite = has(actor, TenantPermission.INVITATION_MANAGE)
    invite_one = Action(_("Invite"), url=reverse("console:invite"), icon="plus", is_primary=True)
    page = Page(
        title=_("Members"),
        sentence=_("Who belongs to this organisation, and what they may do."),
        actions=[invite_one] if may_invite else [],
        tabs=people_tabs("members"),
    )
    return show(
        request,
        "console/members/index.html",
        page,
        table=_listing(actor).pages(request, people.members(actor)),
        may_invite=may_invite,
        invitations=_open_invitations(actor) if may_invite else [],
    )


def _listing(actor: Actor) -> Listing:
    return Listing(
        id="members",
        label=_("Members"),
        columns=[
            Column(_("Name"), order="user__name"),
            Column(_("E-mail"), order="user__email", is_minor=True),
            Column(_("Role"), "tag", order="role"),
            Column(_("Joined"), "time", order="created_at"),
        ],
        row=_row,
        empty={"title": _("Nobody here yet")},
        topic="audit.events" if has(actor, TenantPermission.MEMBER_MANAGE) else "",
        events="tenants.member tenants.user",
    )


def _row(member: Membership) -> dict[str, Any]:
    return {
        "id": member.public_id,
        "url": reverse("console:member", args=[member.public_id]),
        "label": member.user.email,
        "opens_drawer": True,
        "cells": [
            {"value": member.user.name or member.user.email},
            {"value": member.user.email},
            {"values": _roles(member)},
            {"at": member.created_at},
        ],
    }


def _roles(member: Membership | Invitation) -> list[str]:
    return [member.role, _("approver")] if member.is_approver else [member.role]


def _open_invitations(actor: Actor) -> list[dict[str, Any]]:
    still_open = people.invitations(actor).filter(
        accepted_at=None, revoked_at=None, expires_at__gt=timezone.now()
    )
    return [
        {
            "id": row.public_id,
            "email": row.email,
            "roles": _roles(row),
            "expires_at": row.expires_at,
            "revoke_url": reverse("console:invitation-revoke", args=[row.public_id]),
        }
        for row in still_open
    ]


@signed_in
@require_http_methods(["GET", "POST"])
def invite(request: HttpRequest) -> HttpResponse:
    """Make an invitation; its link is shown this once."""
    actor = actor_of(request)
    require(actor, TenantPermission.INVITATION_MANAGE)
    form = InviteForm(request.POST or None)
    page = Page(
        title=_("Invite someone"),
        sentence=_("You get a link to send them. It works once, for seven days."),
        up=_up(),
    )
    status = 422
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            invited = invitations.invite(actor=actor, **{**data, "role": Role(data["role"])})
        except AppError as error:
            status = add_errors(form, error)
        else:
            context = {"email": data["email"], "link": invited.url}
            return show(request, "console/members/invited.html", page, **context)
    return show(
        request,
        "console/members/invite.html",
        page,
        form=form,
        status=status if form.errors else 200,
    )


def _up() -> dict[str, str]:
    return {"label": _("Members"), "url": reverse("console:members")}


@signed_in
@require_POST
def revoke_invitation(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    where = reverse("console:members")
    try:
        invitation = invitations.revoke_invitation(actor=actor_of(request), invitation_id=id)
    except AppError as error:
        return refused(request, error, where)
    text = _("The invitation of %(email)s no longer works.") % {"email": invitation.email}
    return done(request, text, where)


@signed_in
@require_http_methods(["GET", "POST"])
def detail(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    """One member: change the role or the grant, or take them out."""
    actor = actor_of(request)
    member = people.member(actor, id)
    start = {"role": member.role, "is_approver": member.is_approver, "revision": member.revision}
    form = MemberForm(request.POST or None, initial=start)
    status = 422
    if request.method == "POST" and form.is_valid():
        try:
            _change(actor, id, form.cleaned_data)
        except AppError as error:
            status = add_errors(form, error)
        else:
            text = _("Changed. It holds from their next click.")
            return done(request, text, reverse("console:members"))
    return _show_member(request, member, form, status if form.errors else 200)


def _change(actor: Actor, member_id: str, data: dict[str, Any]) -> None:
    members.change_member(
        actor=actor,
        member_id=member_id,
        role=Role(data["role"]),
        is_approver=data["is_approver"],
        expected_revision=data["revision"],
    )


def _show_member(
    request: HttpRequest, member: Membership, form: MemberForm, status: int
) -> HttpResponse:
    may_manage = has(actor_of(request), TenantPermission.MEMBER_MANAGE)
    name = member.user.name or member.user.email
    remove_it = Action(_("Remove"), dialog="remove-member", icon="trash-2", is_danger=True)
    page = Page(
        title=name,
        sentence=member.user.email,
        up=_up(),
        actions=[remove_it] if may_manage else [],
    )
    facts = [
        {"label": _("E-mail"), "value": member.user.email},
        {"label": _("Role"), "kind": "tag", "values": _roles(member)},
        {"label": _("Id"), "kind": "id", "value": member.public_id},
        {"label": _("Joined"), "kind": "time", "at": member.created_at},
    ]
    return show(
        request,
        "console/members/detail.html",
        page,
        form=form if may_manage else None,
        facts=facts,
        name=name,
        action_url=reverse("console:member", args=[member.public_id]),
        remove_url=reverse("console:member-remove", args=[member.public_id]),
        status=status,
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
