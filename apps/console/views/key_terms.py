"""The terms of a key: its name, its end, its limits, and where and for what it may be used."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.console.budget_forms import is_budget_changed, key_budget, shown_budget
from apps.console.forms import KeyTermsForm, parts
from apps.console.page import Page, actor_of, done, show
from apps.console.refusals import add_errors, signed_in
from apps.core.errors import AppError
from apps.core.permissions import require
from apps.keys.permissions import KeyPermission
from apps.keys.queries import keys as queries
from apps.keys.services import keys

if TYPE_CHECKING:
    from apps.keys.models import ApiKey


@signed_in
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    """Only what was changed is sent on, so what the form cannot show stays as it is."""
    actor = actor_of(request)
    key = queries.key(actor=actor, key_id=id)
    require(actor, KeyPermission.MANAGE, key)
    form = KeyTermsForm(request.POST or None, initial=_shown(key))
    status = 422
    if request.method == "POST" and form.is_valid():
        try:
            _change(request, id, form)
        except AppError as error:
            status = add_errors(form, error, budget="budget_amount")
        else:
            where = reverse("console:key", args=[id])
            return done(request, _("Saved. It holds from the next call on."), where)
    page = Page(
        title=key.name,
        sentence=_("The secret stays; what changes holds from the next call on."),
        up={"label": key.name, "url": reverse("console:key", args=[id])},
    )
    return show(
        request,
        "console/keys/edit.html",
        page,
        form=form,
        cancel_url=reverse("console:key", args=[id]),
        is_approver=key.is_approver,
        status=status if form.errors else 200,
    )


def end_of_day(day: date | None) -> datetime | None:
    return datetime.combine(day, time.max, UTC) if day else None


def limits_of(text: str) -> dict[str, str]:
    """`100/m, chat=5/s`: a rate without a class is the default one's."""
    named = [part.rpartition("=") for part in parts(text)]
    return {name.strip() or "default": rate.strip() for name, _equals, rate in named}


def _shown(key: ApiKey) -> dict[str, Any]:
    """A key as the form shows it."""
    return {
        "name": key.name,
        "expires_at": key.expires_at.astimezone(UTC).date() if key.expires_at else None,
        "limits": ", ".join(f"{name}={rate}" for name, rate in sorted(key.limits.items())),
        "addresses": ", ".join(key.addresses),
        "models": ", ".join(key.model_names or []),
        **shown_budget(key.budget),
        "cache_seconds": key.cache_seconds or None,
        "revision": key.revision,
    }


def _change(request: HttpRequest, key_id: str, form: KeyTermsForm) -> None:
    data = form.cleaned_data
    terms: dict[str, Any] = {
        "name": data["name"],
        "expires_at": end_of_day(data["expires_at"]),
        "limits": limits_of(data["limits"]),
        "addresses": parts(data["addresses"]),
        "models": parts(data["models"]) or None,
        "cache_seconds": data["cache_seconds"] or 0,
    }
    changed = {name: terms[name] for name in form.changed_data if name in terms}
    if is_budget_changed(form):
        changed["budget"] = key_budget(data)
    if changed:
        keys.update_key(
            actor=actor_of(request), key_id=key_id, expected_revision=data["revision"], **changed
        )
