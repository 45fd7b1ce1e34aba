"""One's own account: who one is here, and one's password."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import update_session_auth_hash
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from apps.console.forms import PasswordForm
from apps.console.page import Page, done, show
from apps.console.refusals import add_errors, hold, signed_in
from apps.console.views.sign_in import visit_of
from apps.core.actor import Identity
from apps.core.errors import AppError
from apps.tenants.services import passwords


@signed_in
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def account(request: Any) -> HttpResponse:
    """Changing the password ends every other session and token."""
    form = PasswordForm(request.POST or None)
    status, pause = 422, 0.0
    if request.method == "POST" and form.is_valid():
        try:
            passwords.change_password(
                actor=request.actor, **form.cleaned_data, visit=visit_of(request)
            )
        except AppError as error:
            status, pause = add_errors(form, error), error.data.get("answer_after", 0.0)
        else:
            request.user.refresh_from_db()
            update_session_auth_hash(request, request.user)
            text = _("Changed. Every other session and token of yours has ended.")
            return done(request, text, reverse("console:account"))
    response = show(
        request,
        "console/account/index.html",
        Page(title=_("Your account"), sentence=_("Who you are here, and your password.")),
        form=form,
        facts=_facts(request.actor.identity),
        status=status if form.errors else 200,
    )
    return hold(response, pause)


def _facts(identity: Identity) -> list[dict[str, Any]]:
    roles = [identity.role.value, _("approver")] if identity.is_approver else [identity.role.value]
    return [
        {"label": _("Name"), "value": identity.name},
        {"label": _("E-mail"), "value": identity.email},
        {"label": _("Organisation"), "value": identity.organization_name},
        {"label": _("Role here"), "kind": "tag", "values": roles},
    ]
