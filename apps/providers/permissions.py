"""Who may call models, and who may change where calls go."""

from __future__ import annotations

from apps.core.permissions import ADMINS, CALLERS, EVERYONE, PEOPLE, grant
from apps.providers.enums import ProvidersPermission

__all__ = ["ProvidersPermission"]

grant(ProvidersPermission.CALL, to=CALLERS, doc="Call models through the gateway.")
grant(
    ProvidersPermission.VIEW,
    to=EVERYONE,
    doc="See providers, deployments and routes, never credentials.",
)
grant(
    ProvidersPermission.MANAGE, to=ADMINS, doc="Make and change providers, deployments and routes."
)
grant(ProvidersPermission.USAGE_VIEW, to=EVERYONE, doc="See the organization's usage and cost.")
grant(
    ProvidersPermission.BUDGET_MANAGE,
    to=ADMINS,
    doc="Set budgets of the organization and of end users.",
)
grant(ProvidersPermission.PROMPT_VIEW, to=EVERYONE, doc="Read prompts and their versions.")
grant(ProvidersPermission.PROMPT_MANAGE, to=PEOPLE, doc="Write prompts, versions and labels.")
grant(ProvidersPermission.CAPTURE_VIEW, to=ADMINS, doc="Read captured requests and answers.")
