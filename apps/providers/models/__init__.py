"""Columns and constraints of this app, by what they are about."""

from __future__ import annotations

from apps.providers.models.budgets import Budget, BudgetSpend
from apps.providers.models.captures import Capture
from apps.providers.models.prompts import Prompt, PromptLabel, PromptVersion
from apps.providers.models.routing import Deployment, Provider, Route, RouteTarget, RouteVersion
from apps.providers.models.usage import UsageRecord, UsageRollup

__all__ = [
    "Budget",
    "BudgetSpend",
    "Capture",
    "Deployment",
    "Prompt",
    "PromptLabel",
    "PromptVersion",
    "Provider",
    "Route",
    "RouteTarget",
    "RouteVersion",
    "UsageRecord",
    "UsageRollup",
]
