"""Signing in and out, and switching the organisation."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST
from django_ratelimit.decorators import ratelimit

from apps.console.forms import SignInForm
from apps.console.page import done
from apps.console.refusals import add_errors, hold, show_error, signed_in
from apps.core import envelopes
from apps.core.asgi.request import client_address, request_id_from
from apps.core.errors import AppError, Invalid, Limited, NotFound, PermissionDenied
from apps.tenants.domain.visit import Visit
from apps.tenants.queries.identities import SESSION_ORGANIZATION
from apps.tenants.services import browser_sessions

BACKEND = "django.contrib.auth.backends.ModelBackend"
OUTER_RATE = "60/m"


def visit_of(request: Any) -> Visit:
    meta = request.META
    address = client_address(meta.get("REMOTE_ADDR", ""), meta.get("HTTP_X_FORWARDED_FOR"))
    request_id = getattr(request, "request_id", "") or request_id_from(None)
    return Visit(address, meta.get("HTTP_USER_AGENT", "")[:200], request_id)


def place_of(group: str, request: HttpRequest) -> str:
    """The key of django-ratelimit, as its decorator asks for it."""
    return visit_of(request).place


def refuse_limited(request: HttpRequest) -> None:
    """The outer guard has counted; refuse here, where a page can say so."""
    if getattr(request, "limited", False):
        raise Limited(retry_after=60)


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
@ratelimit(key=place_of, rate=OUTER_RATE, method="POST", block=False)
def log_in(request: Any) -> HttpResponse:
    """The sign-in page. The exact guard is the service's; django-ratelimit stands outside it."""
    target = _safe_target(request)
    if request.method == "GET":
        if request.actor is not None:
            return redirect(target)
        return _show(request, SignInForm(), target)
    form = SignInForm(request.POST)
    if not form.is_valid():
        return _show(request, form, target, status=422)
    try:
        refuse_limited(request)
        proven = browser_sessions.prove(**form.cleaned_data, visit=visit_of(request))
    except PermissionDenied as error:  # the right password of somebody who belongs nowhere
        form.add_error(None, error.message)
        return _show(request, form, target, error)
    except AppError as error:
        add_errors(form, error)
        return _show(request, form, target, error)
    open_session(request, proven.membership, proven.failures)
    return hold(redirect(target), proven.pause)


def open_session(request: Any, membership: Any, failures: int = 0) -> None:
    """A browser session of this person, in this organisation, in place of whichever there was."""

    def begin() -> str:
        login(request, membership.user, backend=BACKEND)
        request.session[SESSION_ORGANIZATION] = membership.organization.public_id
        request.session.save()  # after somebody else's session it has no key before that
        key: str = request.session.session_key
        return key

    _close_session(request)
    browser_sessions.open_session(
        membership=membership, begin=begin, visit=visit_of(request), failures=failures
    )


def _close_session(request: Any) -> None:
    if request.actor is None:  # nobody, or somebody who belongs nowhere any more
        logout(request)
    else:
        browser_sessions.close_session(actor=request.actor, end=lambda: logout(request))


def _show(
    request: HttpRequest,
    form: SignInForm,
    target: str,
    error: AppError | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {"form": form, "next": target}
    if error is None:
        return render(request, "console/login/index.html", context, status=status)
    status = envelopes.status_of(error)
    response = render(request, "console/login/index.html", context, status=status)
    if isinstance(error, Limited):
        response.headers["Retry-After"] = str(error.retry_after)
    return hold(response, error.data.get("answer_after", 0.0))


def _safe_target(request: Any) -> str:
    target: str = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()})
    return target if is_ours else reverse("console:home")


@require_POST
def log_out(request: HttpRequest) -> HttpResponse:
    _close_session(request)
    return redirect("console:login")


def staff_log_in(request: Any, extra_context: Any = None) -> HttpResponse:
    """In place of the admin's own form, which would be a second way in without a guard."""
    if request.user.is_staff:
        return redirect("admin:index")
    if request.actor is not None:
        return show_error(
            request, PermissionDenied(_("The admin is for the operator of this house."))
        )
    target = _safe_target(request) if request.GET.get("next") else reverse("admin:index")
    return redirect(f"{reverse('console:login')}?{urlencode({'next': target})}")


def to_account(request: HttpRequest, extra_context: Any = None) -> HttpResponse:
    """In place of the admin's password form, which would leave the person's tokens alive."""
    return redirect("console:account")


@signed_in
@require_POST
def switch(request: Any) -> HttpResponse:
    """Another of one's own organisations."""
    wanted = request.POST.get("organization", "")

    def move(organization: str) -> None:
        request.session[SESSION_ORGANIZATION] = organization
        request.session.save()

    try:
        membership = browser_sessions.switch_session(
            actor=request.actor, organization=wanted, move=move
        )
    except Invalid:
        raise NotFound from None
    text = _("You are now in %(name)s.") % {"name": membership.organization.name}
    return done(request, text, reverse("console:home"))
