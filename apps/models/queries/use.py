"""Which versions are in use, in every organization: what is worth having in memory before somebody asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import F, Sum
from django.utils import timezone

from apps.core.tenancy import unscoped
from apps.models.enums import Stage, VersionStatus
from apps.models.models import ModelVersion, PredictionHour

REASON = "a process has the models of every organisation in memory"
MOST = 200


@dataclass(frozen=True, slots=True)
class Used:
    organization_id: int
    version_key: int
    size: int


def versions_in_use(least: int) -> list[Used]:
    """Those with so many predictions since the beginning of the last hour, most used first."""
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    with unscoped(reason=REASON):
        sums = (
            PredictionHour.objects.filter(hour__gte=hour - timedelta(hours=1))
            .values("organization_id", "model_key", "version")
            .annotate(count=Sum("predictions"))
            .filter(count__gte=least)
            .order_by(F("count").desc())[:MOST]
        )
        wanted = {(row["model_key"], row["version"]): row["organization_id"] for row in sums}
        ready = ModelVersion.objects.filter(
            model__in={model for model, _ in wanted}, status=VersionStatus.READY
        )
        known = {
            (model, label): Used(wanted[model, label], key, size)
            for model, label, key, size in ready.values_list("model", "label", "pk", "size")
            if (model, label) in wanted
        }
    return [known[each] for each in wanted if each in known]


def version_in_production(organization: str, model: str) -> Used | None:
    """By public ids; None where there is none, or none any more."""
    with unscoped(reason=REASON):
        found = ModelVersion.objects.filter(
            organization__public_id=organization,
            model__public_id=model,
            stage=Stage.PRODUCTION,
            status=VersionStatus.READY,
        ).first()
    return None if found is None else Used(found.organization_id, found.pk, found.size)
