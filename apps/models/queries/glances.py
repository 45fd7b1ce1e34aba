"""What a list of models shows of each: predicted today, predicted last, and versions that are not ready."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import F, Max, Sum
from django.utils import timezone

from apps.core.actor import Actor
from apps.core.permissions import require
from apps.models.enums import VersionStatus
from apps.models.models import ModelVersion, PredictionHour
from apps.models.permissions import ModelsPermission

LOOKED_BACK = timedelta(days=31)
"""For the last prediction: hours before it are not looked at."""


@dataclass(frozen=True, slots=True)
class Glance:
    today: int = 0
    """Since midnight, UTC."""
    last_at: datetime | None = None
    newest_status: VersionStatus = VersionStatus.READY
    """Of the newest version."""


def glances(*, actor: Actor) -> Mapping[int, Glance]:
    """By model, of all of the organization's; three queries. A model nothing is known of has an empty one."""
    require(actor, ModelsPermission.VIEW)
    now = timezone.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    found: defaultdict[int, Glance] = defaultdict(Glance)
    rows = PredictionHour.objects.order_by().values_list("model_key")
    lately = rows.filter(hour__gte=now - LOOKED_BACK).annotate(Max("last_at"))
    for key, last_at in lately:
        found[key] = Glance(last_at=last_at)
    for key, today in rows.filter(hour__gte=midnight).annotate(Sum("predictions")):
        found[key] = replace(found[key], today=today)
    newest = ModelVersion.objects.filter(number=F("model__last_number"))
    unready = newest.exclude(status=VersionStatus.READY).values_list("model", "status")
    for key, status in unready:
        found[key] = replace(found[key], newest_status=VersionStatus(status))
    return found
