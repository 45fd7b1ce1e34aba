"""Predictions as work for a worker: what is kept of the question until somebody gets to it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from apps.jobs.domain.kinds import Kind, declare
from apps.models.domain.asking import Ask
from apps.models.enums import ModelsPermission, Source


class PredictionPayload(BaseModel):
    """`version` is any name a caller may use; it is looked up when the worker gets there."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: str = Field(min_length=1, max_length=100)
    features: dict[str, Any]
    version: str | None = Field(default=None, max_length=100)
    customer_id: str = Field(default="", max_length=255)
    explain: bool = False

    @classmethod
    def of(cls, ask: Ask, model: str) -> PredictionPayload:
        """`model` is the name of what `ask` calls by name or id."""
        return cls(
            model=model,
            features=ask.features,
            version=ask.tag,
            customer_id=ask.customer,
            explain=ask.is_explained,
        )

    def ask(self) -> Ask:
        return Ask(
            self.model,
            self.features,
            self.version,
            self.customer_id,
            self.explain,
            Source.ASYNC,
        )


PREDICTION = declare(
    Kind(
        "models.predict",
        PredictionPayload,
        permission=ModelsPermission.PREDICT,
        time_limit=900.0,
        retry_pause=2.0,
    )
)
