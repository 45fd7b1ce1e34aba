"""Registries that models are followed from, for tests."""

from __future__ import annotations

from itertools import count
from typing import Any

from apps.core.tenancy import organization_scope
from apps.models.models import MlflowSource
from apps.tenants.models import Organization

_numbers = count(1)
FOLLOW = {"model": "Churn", "alias": "champion", "as": "churn"}


def make_source(organization: Organization, **values: Any) -> MlflowSource:
    """One that nobody answers at, and nobody's."""
    given = {
        "name": f"lab {next(_numbers)}",
        "url": "https://mlflow.example.com",
        "follows": [FOLLOW],
        **values,
    }
    with organization_scope(organization.pk):
        return MlflowSource.objects.create(organization=organization, **given)


def outcome(**values: Any) -> dict[str, Any]:
    """As a run keeps it."""
    return {
        "place": "churn@champion",
        **FOLLOW,
        "state": "moved",
        "remote_version": "7",
        "version": "mlflow-7",
        "approval_id": None,
        "message": "",
        **values,
    }
