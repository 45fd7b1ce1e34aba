"""Registered models and versions for tests, and small artefacts of their formats."""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import BytesIO
from itertools import count
from typing import Any

from apps.core.files import files
from apps.core.tenancy import organization_scope
from apps.models.domain.formats.reading import describe_scorecard
from apps.models.enums import Format
from apps.models.models import ModelAlias, ModelVersion, RegisteredModel
from apps.tenants.models import Organization

_numbers = count(1)
CARD: dict[str, Any] = {
    "type": "logistic",
    "intercept": -1.0,
    "terms": [
        {"feature": "tenure", "coefficient": -0.05},
        {"feature": "contract", "points": {"Month-to-month": 1.2, "Two year": -0.8}},
    ],
}
SCHEMA: dict[str, Any] = {
    "tenure": {"type": "integer", "min": 0, "max": 100},
    "contract": {"type": "string", "enum": ["Month-to-month", "One year", "Two year"]},
}


def card(**changes: Any) -> bytes:
    """A scorecard's bytes; another intercept makes another file."""
    return json.dumps({**CARD, **changes}).encode()


def make_model(organization: Organization, **values: Any) -> RegisteredModel:
    given = {"name": f"model-{next(_numbers)}", **values}
    with organization_scope(organization.pk):
        return RegisteredModel.objects.create(organization=organization, **given)


def make_version(
    model: RegisteredModel, *, content: bytes | None = None, alias: str = "", **values: Any
) -> ModelVersion:
    """A scorecard that is ready, its bytes truly kept."""
    number = model.last_number = model.last_number + 1
    data = card(intercept=float(number)) if content is None else content
    place = model.organization_id
    with organization_scope(place):
        model.save(update_fields=["last_number"])
        stored = files.store(
            BytesIO(data), organization_id=place, purpose="model", limit=10**7, name="card.json"
        )
        version = ModelVersion.objects.create(
            organization_id=place,
            model=model,
            file=stored,
            digest=stored.digest,
            size=stored.size,
            **{
                "number": number,
                "label": str(number),
                "format": Format.SCORECARD,
                "task": "classification",
                "features": [[name, spec] for name, spec in SCHEMA.items()],
                "described": describe_scorecard(CARD).document(),
                **values,
            },
        )
        if alias:
            ModelAlias.objects.create(
                organization_id=place, model=model, name=alias, version=version
            )
    return version


def schema_of(version: Mapping[str, Any]) -> list[str]:
    """The order of an answer's features."""
    return list(version["feature_schema"])
