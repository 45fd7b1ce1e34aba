"""A version of a model in cells of tables: its stage or what is wrong with it, and its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext_lazy

from apps.models.enums import VersionStatus

if TYPE_CHECKING:
    from apps.models.models import ModelVersion

STAGE_LAMPS: Final = {"Production": "clear", "Staging": "moving", "Archived": "off", "None": "off"}
STAGES: Final = {
    "Production": gettext_lazy("Production"),
    "Staging": gettext_lazy("Staging"),
    "Archived": gettext_lazy("Archived"),
    "None": gettext_lazy("None"),
}
STATES: Final[Mapping[VersionStatus, Mapping[str, Any]]] = {
    VersionStatus.CHECKING: {"state": "moving", "value": gettext_lazy("Being checked")},
    VersionStatus.REFUSED: {"state": "danger", "value": gettext_lazy("Refused")},
}


def is_ready(version: ModelVersion) -> bool:
    return version.status == VersionStatus.READY


def stage_cell(version: ModelVersion) -> dict[str, Any]:
    """Its stage; of one that is not ready, what keeps it from being served."""
    if is_ready(version):
        return {"state": STAGE_LAMPS[version.stage], "value": STAGES[version.stage]}
    said = version.refusal or {}
    return {**STATES[VersionStatus(version.status)], "note": said.get("message", "")}


def metric_words(version: ModelVersion, most: int = 3) -> list[str]:
    return [f"{name} {value:.4g}" for name, value in list(version.metrics.items())[:most]]
