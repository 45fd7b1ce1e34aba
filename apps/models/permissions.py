"""Who may read the registry, and who may change it."""

from __future__ import annotations

from apps.core.permissions import ADMINS, CALLERS, EVERYONE, grant
from apps.models.enums import ModelsPermission

__all__ = ["ModelsPermission"]

grant(
    ModelsPermission.VIEW,
    to=EVERYONE,
    doc="Read models, versions, aliases, and the log of predictions.",
)
grant(
    ModelsPermission.PREDICT,
    to=CALLERS,
    doc="Ask models for predictions, and say what they turned out to be.",
)
grant(
    ModelsPermission.MANAGE,
    to=CALLERS,
    doc="Register models, upload versions, set stages and aliases.",
)
grant(
    ModelsPermission.SOURCE_MANAGE,
    to=ADMINS,
    doc="Say which models of other registries are followed, and with which credential.",
)
