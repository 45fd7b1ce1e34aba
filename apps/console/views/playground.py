"""The playground: one call to a route. With script it streams from `/v1/chat/completions`; without, the whole answer
comes with the page.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from apps.console.chat_samples import chat_body, chat_samples
from apps.console.page import Action, Page, actor_of, show
from apps.console.refusals import signed_in
from apps.console.traffic_forms import PlaygroundForm
from apps.core import envelopes
from apps.core.actor import Actor
from apps.core.errors import AppError, TimedOut
from apps.core.http_client.loop import call_from_thread
from apps.core.permissions import has, require
from apps.providers.domain.calls import Call
from apps.providers.enums import Dialect, Operation
from apps.providers.gateway import engine
from apps.providers.gateway.trace import Trace, dollars
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import routing
from apps.providers.queries.tables import price_of

if TYPE_CHECKING:
    from apps.providers.models import Route

SECONDS = 8.0
"""A page is answered within ten; whoever has more patience has a script or a client."""


@dataclass(frozen=True, slots=True)
class Told:
    """How a call without a script went."""

    trace: Trace
    text: str = ""
    finish_reason: str = ""
    error: AppError | None = None


@signed_in
@require_http_methods(["GET", "POST"])
def playground(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    require(actor, ProvidersPermission.CALL)
    routes = [route for route in routing.routes(actor=actor) if route.is_enabled]
    form = _form(request, routes)
    told, status = None, 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            told = _ask(actor, chat_body(form.cleaned_data))
            status = envelopes.status_of(told.error) if told.error else 200
    page = Page(
        title=_("Playground"),
        sentence=_("Call a route as a program would, and see what came, from where, at what cost."),
    )
    return show(
        request,
        "console/playground/index.html",
        page,
        form=form if routes else None,
        empty=_empty(actor),
        answer=_answer(told),
        prices=json.dumps(_prices(routes)),
        samples=_samples(request, form, routes),
        status=status,
    )


@signed_in
@require_POST
def samples(request: HttpRequest) -> HttpResponse:
    """The samples again, for what the form holds now."""
    actor = actor_of(request)
    require(actor, ProvidersPermission.CALL)
    routes = [route for route in routing.routes(actor=actor) if route.is_enabled]
    shown = _samples(request, _form(request, routes), routes)
    return render(request, "console/playground/samples.html", {"samples": shown})


def _form(request: HttpRequest, routes: list[Route]) -> PlaygroundForm:
    choices = [(route.name, route.name) for route in routes]
    asked = {"model": request.GET.get("route", "")}
    return PlaygroundForm(request.POST or None, routes=choices, initial=asked)


def _samples(
    request: HttpRequest, form: PlaygroundForm, routes: list[Route]
) -> list[dict[str, str]]:
    names = [route.name for route in routes]
    asked = request.GET.get("route", "")
    model = asked if asked in names else next(iter(names), "")
    form.is_valid()  # sorts out what is right of it
    return chat_samples(request, chat_body(getattr(form, "cleaned_data", {}), model))


def _ask(actor: Actor, body: dict[str, Any]) -> Told:
    """The whole answer, or what the caller is told instead."""
    call = Call(Operation.CHAT, Dialect.OPENAI, model=body["model"], body=body)
    trace = Trace(actor, call)
    try:
        reply = call_from_thread(engine.complete(actor, call, trace), seconds=SECONDS)
    except TimeoutError:
        words = _("No whole answer came within %(seconds)d seconds. Ask for fewer tokens.")
        return Told(trace, error=TimedOut(words % {"seconds": SECONDS}))
    except AppError as error:
        return Told(trace, error=error)
    return Told(trace, reply.answer.text, reply.answer.finish_reason or "")


def _answer(told: Told | None) -> dict[str, Any]:
    """What stands in the answer's panel, in the shape `playground/answer.html` takes."""
    if told is None:
        return {"state": "off", "word": _("Nothing sent yet")}
    trace, usage = told.trace, told.trace.usage
    milliseconds = f"{trace.seconds * 1000:.0f}"
    if told.error is not None:
        return {
            "state": "danger",
            "word": _("Failed"),
            "milliseconds": milliseconds,
            "problem": {
                "title": _("The call failed"),
                "message": told.error.message,
                "code": told.error.code,
            },
            "request_id": trace.actor.request_id,
        }
    return {
        "state": "clear",
        "word": _("Whole"),
        "text": told.text,
        "milliseconds": milliseconds,
        "tokens": usage and {"prompt": usage.prompt_tokens, "completion": usage.completion_tokens},
        "cost": dollars(trace.cost_nano),
        "deployment": trace.deployment and trace.deployment.name,
        "provider": trace.deployment and trace.deployment.provider.name,
        "is_cut_short": told.finish_reason == "length",
        "request_id": trace.actor.request_id,
    }


def _prices(routes: list[Route]) -> dict[str, list[str | None]]:
    """Input, output and cached input of each deployment that may answer, for the script to count a stream's cost."""
    found: dict[str, list[str | None]] = {}
    for route in routes:
        for target in route.targets.all():
            price = price_of(target.deployment)
            parts = (price.input, price.output, price.cached_input)
            found[target.deployment.name] = [None if part is None else str(part) for part in parts]
    return found


def _empty(actor: Actor) -> dict[str, Any]:
    may_make = has(actor, ProvidersPermission.MANAGE)
    return {
        "title": _("No route to call yet"),
        "sentence": _("A route is the model name that callers use. It leads to deployments."),
        "action": None if not may_make else Action(_("Routes"), url=reverse("console:routes")),
    }
