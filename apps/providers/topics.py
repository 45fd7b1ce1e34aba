"""The names of this app's facts."""

from __future__ import annotations

PROVIDER_CREATED = "providers.provider.created"
PROVIDER_CHANGED = "providers.provider.changed"
PROVIDER_REMOVED = "providers.provider.removed"
DEPLOYMENT_CREATED = "providers.deployment.created"
DEPLOYMENT_CHANGED = "providers.deployment.changed"
DEPLOYMENT_REMOVED = "providers.deployment.removed"
ROUTE_CREATED = "providers.route.created"
ROUTE_CHANGED = "providers.route.changed"
ROUTE_REMOVED = "providers.route.removed"
PROMPT_CREATED = "providers.prompt.created"
PROMPT_CHANGED = "providers.prompt.changed"
PROMPT_REMOVED = "providers.prompt.removed"
BUDGET_CREATED = "providers.budget.created"
BUDGET_CHANGED = "providers.budget.changed"
BUDGET_REMOVED = "providers.budget.removed"

ROUTES_SCOPE = "routes:"
"""`core.changes` scope before an organization's public id: whatever the route table is made from has changed."""
BUDGETS_SCOPE = "budgets:"
"""The same for the organization's budgets."""
