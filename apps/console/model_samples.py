"""What makes a first prediction: a line to paste, or the way to a first version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.console.feature_fields import first_values
from apps.console.model_tabs import address
from apps.console.page import Action, actor_of
from apps.console.samples import code_samples
from apps.core.permissions import has
from apps.models.enums import VersionStatus
from apps.models.permissions import ModelsPermission
from apps.models.queries import registry

if TYPE_CHECKING:
    from apps.models.models import ModelVersion, RegisteredModel


def nothing_predicted(request: HttpRequest, model: RegisteredModel) -> dict[str, Any]:
    """What `empty.html` takes where a model has predicted nothing."""
    actor = actor_of(request)
    ready = registry.versions(actor=actor, name=model.public_id).filter(status=VersionStatus.READY)
    version = ready.first()
    if version is not None:
        return {
            "title": _("No prediction yet"),
            "sentence": _("Each stands here within a second or two of its answer. Make one:"),
            "command": predict_curl(request, version),
        }
    where = reverse("console:model-version-new", args=[address(model)])
    upload = Action(_("Upload a version"), url=where, icon="plus")
    return {
        "title": _("No prediction yet"),
        "sentence": _("It has no version that could answer. Upload one first."),
        "action": upload if has(actor, ModelsPermission.MANAGE) else None,
    }


def predict_curl(request: HttpRequest, version: ModelVersion) -> str:
    """This version asked with its example, or with what is usual."""
    example = version.input_example
    values = first_values(version.feature_schema, example if isinstance(example, dict) else None)
    path = f"/predict/{quote(version.model.name)}?version={quote(version.label)}"
    return code_samples(request, "POST", path, body={"features": values})[0]["text"]
