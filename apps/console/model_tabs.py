"""The pages of one model, as tabs that stand on each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext as _

from apps.core.actor import Actor
from apps.core.permissions import has
from apps.models.permissions import ModelsPermission

if TYPE_CHECKING:
    from apps.models.models import RegisteredModel


def address(model: RegisteredModel) -> str:
    """What its pages are under: its name, unless that is the name of a page."""
    return model.public_id if model.name == "new" else model.name


def tabs_of(actor: Actor, model: RegisteredModel, current: str) -> list[dict[str, Any]]:
    """`current` is the name of the page's URL. Who may not predict has no form to try it with."""
    pages = [("model", _("Versions"))]
    if has(actor, ModelsPermission.PREDICT):
        pages.append(("model-try", _("Try it")))
    pages.append(("model-predictions", _("Predictions")))
    pages.append(("model-performance", _("Performance")))
    where = [address(model)]
    return [
        {
            "label": label,
            "url": reverse(f"console:{name}", args=where),
            "is_current": name == current,
        }
        for name, label in pages
    ]
