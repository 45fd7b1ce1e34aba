"""Joining by the link of an invitation: whoever holds it chooses a password, or proves the one they have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from django_ratelimit.decorators import ratelimit

from apps.console.forms import JoinForm
from apps.console.refusals import add_errors, hold
from apps.console.views.sign_in import (
    OUTER_RATE,
    open_session,
    place_of,
    refuse_limited,
    visit_of,
)
from apps.core import envelopes
from apps.core.errors import AppError, Conflict, NotFound, PermissionDenied
from apps.tenants.queries import people
from apps.tenants.services import invitations

if TYPE_CHECKING:
    from apps.tenants.models import Invitation

TEMPLATE = "console/invitation/index.html"


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
@ratelimit(key=place_of, rate=OUTER_RATE, method="POST", block=False)
def invitation(request: Any) -> HttpResponse:
    try:
        refuse_limited(request)
        found = _open_invitation(request.GET.get("token", ""))
    except AppError as error:
        return _refuse(request, error)
    form = JoinForm(request.POST) if request.method == "POST" else JoinForm()
    status, pause = 422, 0.0
    if request.method == "POST" and form.is_valid():
        try:
            return _join(request, form)
        except PermissionDenied as error:  # signed in as somebody else
            form.add_error(None, error.message)
            status = envelopes.status_of(error)
        except AppError as error:
            status, pause = add_errors(form, error), error.data.get("answer_after", 0.0)
    context = {
        "form": form,
        "invitation": _described(found),
        "signed_in_as": _signed_in_as(request),
    }
    return hold(render(request, TEMPLATE, context, status=status if form.errors else 200), pause)


def _open_invitation(token: str) -> Invitation:
    found = people.invitation_by_token(token)
    if not found.is_open(timezone.now()):
        raise Conflict(_("This invitation was used, revoked, or is too old. Ask for a new one."))
    return found


def _refuse(request: Any, error: AppError) -> HttpResponse:
    message = error.message
    if isinstance(error, NotFound):
        message = _("Nobody made such a link. Is the whole of it there?")
    context = {"problem": {"title": _("This link does not work"), "message": message}}
    return render(request, TEMPLATE, context, status=envelopes.status_of(error))


def _join(request: Any, form: JoinForm) -> HttpResponse:
    membership = invitations.accept_invitation(
        token=request.GET.get("token", ""),
        **form.cleaned_data,
        actor=request.actor,
        visit=visit_of(request),
    )
    open_session(request, membership)
    return redirect("console:home")


def _signed_in_as(request: Any) -> str:
    return request.actor.identity.email if request.actor is not None else ""


def _described(found: Invitation) -> dict[str, Any]:
    maker = found.created_by
    return {
        "organization": found.organization.name,
        "email": found.email,
        "role": found.role,
        "invited_by": (maker.name or maker.email) if maker else "",
        "expires_at": found.expires_at,
    }
