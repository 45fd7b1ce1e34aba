"""One delivery, to a webhook or to a job's callback: what was sent, what came back, and sending it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from apps.console.page import Action, Page, actor_of, done, show
from apps.console.refusals import refused, signed_in
from apps.console.samples import code_samples
from apps.core.errors import AppError
from apps.core.permissions import has
from apps.events import queries
from apps.events.permissions import EventsPermission
from apps.events.services import webhooks

if TYPE_CHECKING:
    from apps.events.models import DeliveryAttempt, WebhookDelivery

DELIVERY_LAMPS = {"pending": "moving", "delivered": "clear", "failed": "danger"}
DELIVERY_STATES = {
    "pending": gettext_lazy("Under way"),
    "delivered": gettext_lazy("Delivered"),
    "failed": gettext_lazy("Failed"),
}
LONGEST_SHOWN = 100_000


@signed_in
@require_GET
def detail(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    actor = actor_of(request)
    delivery = queries.delivery(actor=actor, delivery_id=id)
    attempts = queries.attempts_of(actor=actor, delivery_id=id)
    may_replay = (
        has(actor, EventsPermission.WEBHOOK_MANAGE)
        and delivery.state != delivery.PENDING
        and delivery.endpoint.is_enabled
    )
    replay = Action(_("Send again"), dialog="replay-delivery", icon="rotate-ccw", is_primary=True)
    page = Page(
        title=delivery.event,
        sentence=delivery.address,
        up=_up(delivery),
        actions=[replay] if may_replay else [],
    )
    return show(
        request,
        "console/webhooks/delivery.html",
        page,
        facts=_facts(delivery),
        body=_body(delivery.body),
        attempts=[_attempt(each) for each in reversed(attempts)],
        event=delivery.event,
        address=delivery.address,
        may_replay=may_replay,
        replay_url=reverse("console:delivery-replay", args=[id]),
        samples=code_samples(
            request,
            "GET",
            f"/api/v1/webhooks/deliveries/{id}",
            graphql=f'{{ webhookDelivery(id: "{id}") {{ state body log {{ status answerBody }} }} }}',
        ),
    )


def _up(delivery: WebhookDelivery) -> dict[str, str]:
    if delivery.webhook_id is not None:
        url = reverse("console:webhook", args=[delivery.webhook_id])
        return {"label": _("Webhook"), "url": url}
    if delivery.job:
        return {"label": _("Job"), "url": reverse("console:job", args=[delivery.job])}
    return {"label": _("Webhooks"), "url": reverse("console:webhooks")}


def _facts(delivery: WebhookDelivery) -> list[dict[str, Any]]:
    state = delivery.state
    facts: list[dict[str, Any]] = [
        {
            "label": _("State"),
            "kind": "lamp",
            "state": DELIVERY_LAMPS[state],
            "value": DELIVERY_STATES[state],
        },
        {"label": _("Id"), "kind": "id", "value": delivery.public_id},
        {"label": _("Attempts"), "kind": "number", "value": delivery.attempts},
        {"label": _("Made"), "kind": "time", "at": delivery.created_at},
    ]
    if delivery.job:
        url = reverse("console:job", args=[delivery.job])
        facts.append({"label": _("Callback of"), "kind": "id", "value": delivery.job, "url": url})
    if state == delivery.PENDING:
        facts.append({"label": _("Next attempt"), "kind": "time", "at": delivery.due_at})
    else:
        facts.append({"label": _("Ended"), "kind": "time", "at": delivery.finished_at})
    if delivery.last_error:
        facts.append({"label": _("Last failure"), "value": delivery.last_error})
    return facts


def _attempt(attempt: DeliveryAttempt) -> dict[str, Any]:
    is_good = not attempt.error
    return {
        "title": _("Attempt %(number)d") % {"number": attempt.number},
        "state": "clear" if is_good else "danger",
        "outcome": str(attempt.status) if is_good else attempt.error,
        "at": attempt.at,
        "took": f"{attempt.milliseconds:.0f} ms",
        "request": _headers(attempt.request_headers),
        "answer": _answer(attempt),
    }


def _headers(headers: Mapping[str, Any]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in headers.items())


def _answer(attempt: DeliveryAttempt) -> str:
    """As it came: status, headers, the beginning of the body; nothing when nothing came."""
    if attempt.status is None:
        return ""
    head = f"{attempt.status}\n{_headers(attempt.answer_headers)}".strip()
    return f"{head}\n\n{attempt.answer_body}".strip()


def _body(text: str) -> str:
    """The message, indented to be read; it was sent as one line."""
    try:
        shown = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        shown = text
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}\n…"


@signed_in
@require_POST
def replay(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    where = reverse("console:delivery", args=[id])
    try:
        webhooks.replay_delivery(actor=actor_of(request), delivery_id=id)
    except AppError as error:
        return refused(request, error, where)
    return done(request, _("It is sent again, under the same id."), where)
