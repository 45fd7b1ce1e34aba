"""What is refused, shown where the reader is looking: the sign-in page, the form, a toast, or a page of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from apps.console.page import Page, actor_of, show
from apps.core import envelopes
from apps.core.errors import (
    AppError,
    Invalid,
    Limited,
    MethodNotAllowed,
    NotFound,
    PermissionDenied,
)

View = Callable[..., HttpResponse]
METHOD_NOT_ALLOWED = 405


def signed_in(view: View) -> View:
    """Send strangers to sign in, and show refusals as pages."""

    @wraps(view)
    def guarded(request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.actor is None:
            return redirect(sign_in_url(request))
        try:
            response = view(request, *args, **kwargs)
            if response.status_code == METHOD_NOT_ALLOWED:
                raise MethodNotAllowed(allow=response.headers.get("Allow"))
        except AppError as error:
            return show_error(request, error)
        return response

    return guarded


def sign_in_url(request: HttpRequest) -> str:
    """Where to sign in and then come back; a change that was under way has to be asked for again."""
    url = reverse("console:login")
    if request.method != "GET":
        return url
    return f"{url}?{urlencode({'next': request.get_full_path()})}"


def show_error(request: HttpRequest, error: AppError) -> HttpResponse:
    """A refusal in the frame: what, what to do, and the request id to quote."""
    title, message = _words(error)
    problem = {"message": message, "request_id": actor_of(request).request_id}
    response = show(
        request,
        "console/refused/index.html",
        Page(title=title),
        status=envelopes.status_of(error),
        problem=problem,
    )
    for name, value in envelopes.headers_for(error):
        response.headers[name] = value
    return response


def add_errors(form: forms.Form, error: AppError, **names: str) -> int:
    """Put a refusal at its field, or above the form; answers the status. `names` map the service's fields to the form's.

    What no change of the form could mend (not allowed, not there) is raised on.
    """
    if isinstance(error, NotFound | PermissionDenied):
        raise error
    wrong = error.fields if isinstance(error, Invalid) else []
    for each in wrong:
        part = each.field.partition(".")[0]
        name = names.get(each.field) or names.get(part, part)
        form.add_error(name if name in form.fields else None, capfirst(each.message))
    if not wrong:
        form.add_error(None, too_fast() if isinstance(error, Limited) else error.message)
    return envelopes.status_of(error)


def refused(request: HttpRequest, error: AppError, where: str) -> HttpResponse:
    """Say why it did not happen and go back; what is not allowed or not there has a page of its own."""
    if isinstance(error, NotFound | PermissionDenied):
        raise error
    messages.error(request, error.message)
    return redirect(where)


def hold(response: HttpResponse, seconds: float) -> HttpResponse:
    """Have the way in wait before it sends this: the pace of passwords, without a thread kept busy."""
    response.answer_after = seconds  # type: ignore[attr-defined]  # read by the gate
    return response


def too_fast() -> str:
    return _("Too many attempts. Wait a minute and try again.")


def _words(error: AppError) -> tuple[str, str]:
    match error:
        case NotFound():
            return _("There is nothing here"), _(
                "The address is wrong, the thing is gone, or it belongs to another organisation. "
                "If you work in several, switch and try again."
            )
        case PermissionDenied():
            return _("You may not do that"), error.message
        case MethodNotAllowed():
            return _("This address only takes a form"), _("Go back to the page it belongs to.")
        case _:
            return _("That did not work"), error.message
