"""Who may look at the house itself."""

from __future__ import annotations

from apps.core.actor import Role
from apps.core.permissions import ADMINS, EVERYONE, Permission, grant


class SystemPermission(Permission):
    VIEW_HEALTH = "core.health.view"
    VIEW_CONFIG = "core.config.view"
    VIEW_CAPABILITIES = "core.capabilities.view"
    VIEW_METRICS = "core.metrics.view"


grant(SystemPermission.VIEW_HEALTH, to=ADMINS, doc="See the state of every dependency in detail.")
grant(
    SystemPermission.VIEW_CONFIG, to=ADMINS, doc="See the configuration in force, without secrets."
)
grant(SystemPermission.VIEW_CAPABILITIES, to=EVERYONE, doc="See what this installation can do.")
grant(
    SystemPermission.VIEW_METRICS,
    to={Role.ADMIN, Role.SERVICE},
    doc="Scrape the organisation's metrics.",
)
