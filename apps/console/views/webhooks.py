"""Webhooks: the list, a new one, one with its deliveries, and all that may be done to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.console.forms import RotateForm, WebhookForm
from apps.console.listing import Column, Listing
from apps.console.page import Action, Page, actor_of, done, show
from apps.console.refusals import add_errors, refused, signed_in
from apps.console.samples import code_samples
from apps.console.views.deliveries import DELIVERY_LAMPS, DELIVERY_STATES
from apps.core.actor import Actor
from apps.core.errors import AppError
from apps.core.permissions import has, require
from apps.events import queries
from apps.events.permissions import EventsPermission
from apps.events.services import webhooks

if TYPE_CHECKING:
    from apps.events.models import DeliveryAttempt, WebhookDelivery, WebhookEndpoint

LAMPS = {"enabled": "clear", "failing": "caution", "disabled": "off"}
STATES = {
    "enabled": gettext_lazy("Enabled"),
    "failing": gettext_lazy("Failing"),
    "disabled": gettext_lazy("Disabled"),
}
REASONS = {
    "asked": gettext_lazy("somebody asked for it"),
    "gone": gettext_lazy("the receiver answered 410, gone"),
    "failing": gettext_lazy("nothing arrived for days"),
}
EXAMPLE = {"url": "https://example.com/hooks/signalbox", "topics": ["job.*"]}
CREATE_IN_GRAPHQL = """mutation {
  createWebhook(input: {url: "https://example.com/hooks/signalbox", topics: ["job.*"]}) {
    webhook { id url }
    secret
  }
}"""


@signed_in
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    rows = queries.webhooks_with_last(actor=actor)
    page = Page(
        title=_("Webhooks"),
        sentence=_("Servers of yours that are told what happens here, signed and tried again."),
        actions=[_new_webhook(_("New webhook"))] if _may_manage(actor) else [],
    )
    samples = code_samples(
        request, "POST", "/api/v1/webhooks", body=EXAMPLE, graphql=CREATE_IN_GRAPHQL
    )
    table = _listing(actor).pages(request, rows)
    return show(request, "console/webhooks/index.html", page, table=table, samples=samples)


def _may_manage(actor: Actor) -> bool:
    return has(actor, EventsPermission.WEBHOOK_MANAGE)


def _new_webhook(label: str) -> Action:
    return Action(label, url=reverse("console:webhook-new"), icon="plus", is_primary=True)


def _listing(actor: Actor) -> Listing:
    return Listing(
        id="webhooks",
        label=_("Webhooks"),
        columns=[
            Column(_("Address"), order="url"),
            Column(_("Topics"), "tag", is_minor=True),
            Column(_("State"), "lamp"),
            Column(_("Last delivery"), "lamp"),
            Column(_("When"), "time", order="last_at"),
        ],
        row=_row,
        empty={
            "title": _("No webhook yet"),
            "sentence": _("A webhook tells your own server when a job ends or a key is made."),
            "action": _new_webhook(_("Make the first webhook")) if _may_manage(actor) else None,
        },
        topic="audit.events" if has(actor, EventsPermission.AUDIT_VIEW) else "",
        events="events.webhook",
    )


def _row(webhook: Any) -> dict[str, Any]:
    state = _state(webhook)
    return {
        "id": webhook.public_id,
        "url": reverse("console:webhook", args=[webhook.public_id]),
        "label": webhook.url,
        "cells": [
            {"value": webhook.url, "note": webhook.description},
            {"values": webhook.topics},
            {"state": LAMPS[state], "value": STATES[state]},
            {
                "state": DELIVERY_LAMPS.get(webhook.last_state, "off"),
                "value": DELIVERY_STATES.get(webhook.last_state, _("None")),
            },
            {"at": webhook.last_at, "missing": _("never")},
        ],
    }


def _state(webhook: WebhookEndpoint) -> str:
    if not webhook.is_enabled:
        return "disabled"
    return "failing" if webhook.failing_since else "enabled"


@signed_in
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """Make a webhook; its secret is on the answer."""
    actor = actor_of(request)
    require(actor, EventsPermission.WEBHOOK_MANAGE)
    form = WebhookForm(request.POST or None)
    status = 422
    if request.method == "POST" and form.is_valid():
        try:
            issued = webhooks.create_webhook(actor=actor, **form.cleaned_data)
        except AppError as error:
            status = add_errors(form, error)
        else:
            return _show_secret(request, issued, _("The webhook is ready"))
    page = Page(
        title=_("New webhook"),
        sentence=_("Its secret is shown once, on the next page."),
        up=_up(),
    )
    return show(
        request, "console/webhooks/new.html", page, form=form, status=status if form.errors else 200
    )


def _show_secret(request: HttpRequest, issued: webhooks.Issued, title: str) -> HttpResponse:
    page = Page(title=issued.webhook.url, up=_up())
    return show(
        request,
        "console/webhooks/secret.html",
        page,
        title=title,
        secret=issued.secret,
        next_url=reverse("console:webhook", args=[issued.webhook.public_id]),
        samples=code_samples(request, "POST", f"/api/v1/webhooks/{issued.webhook.public_id}/test"),
    )


def _up() -> dict[str, str]:
    return {"label": _("Webhooks"), "url": reverse("console:webhooks")}


@signed_in
@require_GET
def detail(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    return _show_webhook(request, id, RotateForm())


def _show_webhook(request: HttpRequest, webhook_id: str, form: RotateForm) -> HttpResponse:
    actor = actor_of(request)
    webhook = queries.webhook(actor=actor, webhook_id=webhook_id)
    may_manage = _may_manage(actor)
    page = Page(
        title=webhook.url,
        sentence=webhook.description,
        up=_up(),
        actions=_actions(webhook) if may_manage else [],
    )
    rows = queries.deliveries_with_attempts(
        actor=actor, webhook_id=webhook_id, state=request.GET.get("state") or None
    )
    table = _deliveries().newest(request, rows)
    if may_manage and webhook.is_enabled:
        table["bulk"] = {
            "url": reverse("console:webhook-replay", args=[webhook_id]),
            "actions": [{"name": "replay", "label": _("Send again")}],
        }
    addresses = {
        f"{deed}_url": reverse(f"console:webhook-{deed}", args=[webhook_id])
        for deed in ("test", "rotate", "switch", "delete")
    }
    return show(
        request,
        "console/webhooks/detail.html",
        page,
        facts=_facts(webhook),
        table=table,
        may_manage=may_manage,
        webhook={"url": webhook.url, "is_enabled": webhook.is_enabled},
        switch_fields=[{"name": "is_enabled", "value": "yes"}],
        rotate_form=form if may_manage else None,
        status=422 if form.errors else 200,
        **addresses,
    )


def _actions(webhook: WebhookEndpoint) -> list[Action]:
    edit_it = Action(_("Edit"), url=reverse("console:webhook-edit", args=[webhook.public_id]))
    delete_it = Action(_("Delete"), dialog="delete-webhook", icon="trash-2", is_danger=True)
    if not webhook.is_enabled:
        return [Action(_("Enable"), dialog="switch-webhook", is_primary=True), edit_it, delete_it]
    return [
        Action(_("Send a test event"), dialog="test-webhook", icon="webhook", is_primary=True),
        edit_it,
        Action(_("Disable"), dialog="switch-webhook"),
        delete_it,
    ]


def _facts(webhook: WebhookEndpoint) -> list[dict[str, Any]]:
    state = _state(webhook)
    facts: list[dict[str, Any]] = [
        {"label": _("State"), "kind": "lamp", "state": LAMPS[state], "value": STATES[state]},
        {"label": _("Id"), "kind": "id", "value": webhook.public_id},
        {"label": _("Topics"), "kind": "tag", "values": webhook.topics},
        {"label": _("Made"), "kind": "time", "at": webhook.created_at},
    ]
    if webhook.disabled_reason:
        reason = REASONS.get(webhook.disabled_reason, webhook.disabled_reason)
        facts.append({"label": _("Disabled because"), "value": reason})
    if webhook.failing_since:
        facts.append({"label": _("Failing since"), "kind": "time", "at": webhook.failing_since})
    if webhook.previous_until:
        facts.append(
            {"label": _("Old secret signs until"), "kind": "time", "at": webhook.previous_until}
        )
    return facts


def _deliveries() -> Listing:
    return Listing(
        id="deliveries",
        label=_("Deliveries"),
        columns=[
            Column(_("Event")),
            Column(_("State"), "lamp"),
            Column(_("Attempts"), "tag"),
            Column(_("Made"), "time"),
            Column(_("Next attempt"), "time", is_minor=True),
            Column(_("Id"), "id", is_minor=True),
        ],
        row=_delivery_row,
        empty={
            "title": _("Nothing was sent yet"),
            "sentence": _("Deliveries appear here with the answer to every attempt."),
        },
        filters=[
            {
                "name": "state",
                "label": _("Any state"),
                "kind": "choice",
                "options": list(DELIVERY_STATES.items()),
            }
        ],
    )


def _delivery_row(delivery: WebhookDelivery) -> dict[str, Any]:
    is_pending = delivery.state == delivery.PENDING
    return {
        "id": delivery.public_id,
        "url": reverse("console:delivery", args=[delivery.public_id]),
        "label": delivery.event,
        "cells": [
            {"value": delivery.event},
            {
                "state": DELIVERY_LAMPS[delivery.state],
                "value": DELIVERY_STATES[delivery.state],
                "note": delivery.last_error,
            },
            {"values": [_attempt(attempt) for attempt in delivery.log.all()]},
            {"at": delivery.created_at},
            {"at": delivery.due_at if is_pending else None, "missing": "–"},
            {"value": delivery.public_id},
        ],
    }


def _attempt(attempt: DeliveryAttempt) -> str:
    """What came back, and how long it took."""
    return f"{attempt.status or attempt.error or _('no answer')} · {attempt.milliseconds:.0f} ms"


@signed_in
@require_POST
def test(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    where = reverse("console:webhook", args=[id])
    try:
        webhooks.test_webhook(actor=actor_of(request), webhook_id=id)
    except AppError as error:
        return refused(request, error, where)
    return done(request, _("A test event is on its way."), where)


@signed_in
@require_POST
def replay(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    """Each chosen delivery; one that is still being tried stops none of the others."""
    actor = actor_of(request)
    where = reverse("console:webhook", args=[id])
    require(actor, EventsPermission.WEBHOOK_MANAGE)
    queries.webhook(actor=actor, webhook_id=id)
    count, refusal = 0, None
    for delivery_id in request.POST.getlist("selected"):
        try:
            webhooks.replay_delivery(actor=actor, delivery_id=delivery_id)
            count += 1
        except AppError as error:
            refusal = error
    if refusal is not None and not count:
        return refused(request, refusal, where)
    text = ngettext(
        "%(count)d delivery is sent again.", "%(count)d deliveries are sent again.", count
    )
    return done(request, text % {"count": count}, where)


@signed_in
@require_POST
def rotate(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    form = RotateForm(request.POST)
    if not form.is_valid():
        return _show_webhook(request, id, form)
    try:
        issued = webhooks.rotate_secret(actor=actor_of(request), webhook_id=id, **form.cleaned_data)
    except AppError as error:
        return refused(request, error, reverse("console:webhook", args=[id]))
    return _show_secret(request, issued, _("The new secret of the webhook"))


@signed_in
@require_POST
def switch(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    """Disabled, with what still waits, or enabled again."""
    is_enabled = request.POST.get("is_enabled") == "yes"
    where = reverse("console:webhook", args=[id])
    try:
        webhooks.update_webhook(actor=actor_of(request), webhook_id=id, is_enabled=is_enabled)
    except AppError as error:
        return refused(request, error, where)
    text = _("The webhook is enabled.") if is_enabled else _("The webhook is disabled.")
    return done(request, text, where)


@signed_in
@require_POST
def delete(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    webhooks.delete_webhook(actor=actor_of(request), webhook_id=id)
    return done(request, _("The webhook is deleted."), reverse("console:webhooks"))
