"""Changing a webhook: its address, what it hears of, its description, whether it is enabled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.console.forms import WebhookTermsForm
from apps.console.page import Page, actor_of, done, show
from apps.console.refusals import add_errors, signed_in
from apps.core.errors import AppError
from apps.core.permissions import require
from apps.events import queries
from apps.events.permissions import EventsPermission
from apps.events.services import webhooks

if TYPE_CHECKING:
    from apps.events.models import WebhookEndpoint


@signed_in
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    """Only what was changed is sent on; what somebody else changed meanwhile is not overwritten."""
    actor = actor_of(request)
    require(actor, EventsPermission.WEBHOOK_MANAGE)
    webhook = queries.webhook(actor=actor, webhook_id=id)
    form = WebhookTermsForm(request.POST or None, initial=_shown(webhook), topics=webhook.topics)
    where, status = reverse("console:webhook", args=[id]), 422
    if request.method == "POST" and form.is_valid():
        try:
            _change(request, id, form)
        except AppError as error:
            status = add_errors(form, error)
        else:
            return done(request, _("Saved. It holds from the next event on."), where)
    page = Page(
        title=webhook.url,
        sentence=_("The secret stays; what changes holds from the next event on."),
        up={"label": _("Webhook"), "url": where},
    )
    return show(
        request,
        "console/webhooks/edit.html",
        page,
        form=form,
        cancel_url=where,
        status=status if form.errors else 200,
    )


def _shown(webhook: WebhookEndpoint) -> dict[str, Any]:
    return {
        "url": webhook.url,
        "topics": webhook.topics,
        "description": webhook.description,
        "is_enabled": webhook.is_enabled,
        "revision": webhook.revision,
    }


def _change(request: HttpRequest, webhook_id: str, form: WebhookTermsForm) -> None:
    data = form.cleaned_data
    changed = {name: data[name] for name in form.changed_data if name != "revision"}
    if changed:
        webhooks.update_webhook(
            actor=actor_of(request),
            webhook_id=webhook_id,
            expected_revision=data["revision"],
            **changed,
        )
