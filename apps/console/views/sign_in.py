"""Signing in and out, switching the organisation, joining by invitation."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST
from django_ratelimit.decorators import ratelimit

from apps.console.forms import JoinForm, SignInForm
from apps.console.page import add_errors, done, signed_in
from apps.core.asgi.request import client_address
from apps.core.errors import AppError, Conflict, Limited, NotFound
from apps.tenants.domain.visit import Visit
from apps.tenants.queries import organizations, people
from apps.tenants.queries.identities import SESSION_ORGANIZATION
from apps.tenants.services import attempts, invitations, sessions

BACKEND = "django.contrib.auth.backends.ModelBackend"


def visit_of(request: Any) -> Visit:
    meta = request.META
    address = client_address(meta.get("REMOTE_ADDR", ""), meta.get("HTTP_X_FORWARDED_FOR"))
    return Visit(address, meta.get("HTTP_USER_AGENT", "")[:200], getattr(request, "request_id", ""))


def _place(group: str, request: HttpRequest) -> str:
    return visit_of(request).place


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
@ratelimit(key=_place, rate="60/m", method="POST", block=False)
def log_in(request: Any) -> HttpResponse:
    """The sign-in page. The exact guard is the service's; django-ratelimit stands outside it."""
    target = _safe_target(request)
    if request.method == "GET":
        if request.actor is not None:
            return redirect(target)
        return render(request, "console/login/index.html", {"next": target})
    form = SignInForm(request.POST)
    if form.is_valid():
        try:
            if getattr(request, "limited", False):
                raise Limited(retry_after=60)
            return _open(request, form, target)
        except AppError as error:
            form.add_error(None, _too_fast() if isinstance(error, Limited) else error.message)
            return _shown_again(request, form, target, error)
    return _shown_again(request, form, target, None)


def _open(request: Any, form: SignInForm, target: str) -> HttpResponse:
    verified = attempts.verify_password(**form.cleaned_data, visit=visit_of(request))
    membership = sessions.choose_membership(verified.user, None)
    login(request, verified.user, backend=BACKEND)
    request.session[SESSION_ORGANIZATION] = membership.organization.public_id
    return redirect(target)


def _shown_again(request: Any, form: SignInForm, target: str, error: AppError | None) -> HttpResponse:
    status = 429 if isinstance(error, Limited) else 422 if error is None else 401
    response: Any = render(request, "console/login/index.html", {"form": form, "next": target}, status=status)
    if error is not None:
        response.answer_after = error.data.get("answer_after", 0)
    return response  # type: ignore[no-any-return]  # Any only for the attribute above


def _too_fast() -> str:
    return _("Too many attempts. Wait a minute and try again.")


def _safe_target(request: Any) -> str:
    target: str = request.POST.get("next") or request.GET.get("next") or reverse("console:home")
    is_ours = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()})
    return target if is_ours else reverse("console:home")


@require_POST
def log_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("console:login")


@signed_in
@require_POST
def switch(request: Any) -> HttpResponse:
    """Another of one's own organisations."""
    wanted = request.POST.get("organization", "")
    for membership in organizations.memberships_of(request.actor.user_id):
        if membership.organization.public_id == wanted:
            request.session[SESSION_ORGANIZATION] = wanted
            text = _("You are now in %(name)s.") % {"name": membership.organization.name}
            return done(request, text, reverse("console:home"))
    raise NotFound


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
@ratelimit(key=_place, rate="60/m", method="POST", block=True)
def invitation(request: Any) -> HttpResponse:
    """Accept an invitation: a new person chooses a password, a known one proves theirs."""
    token = request.GET.get("token", "")
    try:
        found = people.invitation_by_token(token)
        if not found.is_open:
            raise Conflict(_("This invitation was used, revoked, or is too old. Ask for a new one."))
    except AppError as error:
        status = 404 if isinstance(error, NotFound) else 409
        problem = {"title": _("This link does not work"), "message": error.message}
        return render(request, "console/invitation/index.html", {"problem": problem}, status=status)
    form = JoinForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            return _join(request, token, form)
        except AppError as error:
            add_errors(form, error)
    context = {"form": form, "invitation": _described(found)}
    return render(request, "console/invitation/index.html", context, status=422 if form.errors else 200)


def _join(request: Any, token: str, form: JoinForm) -> HttpResponse:
    membership = invitations.accept_invitation(
        token=token, **form.cleaned_data, actor=request.actor, visit=visit_of(request)
    )
    login(request, membership.user, backend=BACKEND)
    request.session[SESSION_ORGANIZATION] = membership.organization.public_id
    return redirect("console:home")


def _described(found: Any) -> dict[str, Any]:
    maker = found.created_by
    return {
        "organization": found.organization.name,
        "email": found.email,
        "role": found.role,
        "invited_by": (maker.name or maker.email) if maker else "",
        "expires_at": found.expires_at,
    }


