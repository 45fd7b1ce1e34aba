"""Deployments as pages show them: price, limits, how they stand. Shared by the pages of providers, deployments and routes."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext as _

from apps.console.listing import Column, Listing
from apps.console.provider_forms import CAPABILITY_NAMES
from apps.providers.gateway.health import health

if TYPE_CHECKING:
    from apps.providers.models import Deployment


def listing(empty: dict[str, Any]) -> Listing:
    return Listing(
        id="deployments",
        label=_("Deployments"),
        columns=[
            Column(_("Name")),
            Column(_("Model")),
            Column(_("Health"), "lamp"),
            Column(_("In / out, 1 M tokens"), "number"),
            Column(_("Limits"), "tag", is_minor=True),
            Column(_("Capabilities"), "tag", is_minor=True),
        ],
        row=row,
        empty=empty,
    )


def row(deployment: Deployment) -> dict[str, Any]:
    return {
        "id": deployment.public_id,
        "url": reverse("console:deployment", args=[deployment.public_id]),
        "label": deployment.name,
        "cells": [
            {"value": deployment.name},
            {"value": deployment.model},
            lamp(deployment),
            {"value": price(deployment)},
            {"values": limits(deployment)},
            {"values": [str(CAPABILITY_NAMES[word]) for word in deployment.capabilities]},
        ],
    }


def lamp(deployment: Deployment) -> dict[str, Any]:
    """How it stands: as people set it, and as this server has met it in the last minute."""
    if not deployment.is_enabled or not deployment.provider.is_enabled:
        return {"state": "off", "value": _("Disabled")}
    standing = health.standing(
        deployment.public_id, deployment.revision, deployment.provider.revision
    )
    note = _("%(failures)d of %(calls)d calls failed in the last minute") % {
        "failures": standing.failures,
        "calls": standing.calls,
    }
    if standing.rests_seconds > 0:
        seconds = max(1, round(standing.rests_seconds))
        return {
            "state": "danger",
            "value": _("Rests for %(seconds)d s") % {"seconds": seconds},
            "note": note,
        }
    if not standing.calls:
        return {"state": "off", "value": _("Not called lately")}
    if standing.failures:
        return {"state": "caution", "value": _("Some failures"), "note": note}
    return {"state": "clear", "value": _("Well"), "note": note}


def price(deployment: Deployment) -> str:
    if not deployment.input_price and not deployment.output_price:
        return _("free")
    return f"{dollars(deployment.input_price)} / {dollars(deployment.output_price)}"


def dollars(amount: Decimal) -> str:
    """As written, to the cent or as fine as it is."""
    plain = Decimal(amount).normalize()
    return f"${plain:.2f}" if plain == round(plain, 2) else f"${plain:f}"


def limits(deployment: Deployment) -> list[str]:
    found = []
    if deployment.requests_per_minute is not None:
        found.append(_("%(n)s calls/min") % {"n": f"{deployment.requests_per_minute:,}"})
    if deployment.tokens_per_minute is not None:
        found.append(_("%(n)s tokens/min") % {"n": f"{deployment.tokens_per_minute:,}"})
    if deployment.parallel is not None:
        found.append(_("%(n)s at a time") % {"n": f"{deployment.parallel:,}"})
    return found
