"""Why the log's predictions came out as they did, told by the versions that made them. Logs nothing of its own."""

from __future__ import annotations

from dataclasses import dataclass

from apps.core.actor import Actor
from apps.core.asgi.pool import in_pool
from apps.core.permissions import require
from apps.models.domain.schema import Row
from apps.models.domain.scoring import Explanation
from apps.models.domain.tables import VersionView
from apps.models.permissions import ModelsPermission
from apps.models.queries import predictions
from apps.models.serving import engine
from apps.models.serving.tables import view_of


@dataclass(frozen=True, slots=True)
class Explained:
    version: VersionView
    row: Row
    explanation: Explanation


async def explain_logged(actor: Actor, prediction_id: str) -> Explained:
    """Raises `PermissionDenied`, `NotFound`, also where the version is no more, and what loading and scoring raise."""
    require(actor, ModelsPermission.PREDICT)
    record = await in_pool(predictions.prediction, actor=actor, id=prediction_id)
    version = await view_of(actor.organization_id, record.version_key)
    # What was left out then is left out again.
    given = {name: value for name, value in record.features.items() if value is not None}
    row = version.checker.check(given)
    return Explained(version, row, await engine.explain(actor, version, row))
