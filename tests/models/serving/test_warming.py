"""Models loaded before they are asked for: those in use, those that are named, as far as there is room."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.core.actor import Actor
from apps.core.asgi.pool import in_pool
from apps.core.changes import announce_change, poll_changes
from apps.models.enums import Stage
from apps.models.models import ModelVersion, PredictionHour, RegisteredModel
from apps.models.queries.use import Used, versions_in_use
from apps.models.serving import warming
from apps.models.serving.rooms import room
from apps.models.topics import WARM_SCOPE
from apps.tenants.models import Organization
from tests.factories.models import make_version
from tests.models.serving.conftest import run

pytestmark = pytest.mark.integration


def note_use(model: RegisteredModel, label: str, count: int, hours_ago: int = 0) -> None:
    hour = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours_ago)
    PredictionHour.objects.create(
        organization_id=model.organization_id,
        hour=hour,
        model_key=model.pk,
        model=model.name,
        version=label,
        predictions=count,
        last_at=hour,
    )


async def standing() -> list[int]:
    for _ in range(50):
        await asyncio.sleep(0.01)
        if found := [each.view.key for each in room().shelf.standing()]:
            return found
    return []


def test_versions_in_use_are_those_above_the_threshold_most_used_first(
    model: RegisteredModel, version: ModelVersion
) -> None:
    busy, idle, past = (make_version(model, label=label) for label in ("2.0", "3.0", "4.0"))
    note_use(model, "1.2.0", 10)
    note_use(model, busy.label, 30)
    note_use(model, busy.label, 30, hours_ago=1)
    note_use(model, idle.label, 9)
    note_use(model, past.label, 99, hours_ago=2)
    note_use(model, "gone", 99)

    assert versions_in_use(10) == [
        Used(model.organization_id, busy.pk, busy.size),
        Used(model.organization_id, version.pk, version.size),
    ]


def test_a_server_begins_with_what_is_in_use(model: RegisteredModel, version: ModelVersion) -> None:
    make_version(model, label="2.0")
    note_use(model, "1.2.0", 10)

    async def scene() -> list[int]:
        await warming.begin()
        return await standing()

    assert run(scene()) == [version.pk]


def test_warming_can_be_switched_off(
    model: RegisteredModel, version: ModelVersion, settings: Any
) -> None:
    settings.SIGNALBOX_WARM_MODELS = False
    note_use(model, "1.2.0", 10)

    async def scene() -> list[int]:
        await warming.begin()
        return await standing()

    assert run(scene()) == []


def test_a_model_that_is_named_is_loaded_by_whoever_hears(
    organization: Organization, model: RegisteredModel, version: ModelVersion, settings: Any
) -> None:
    settings.SIGNALBOX_WARM_MODELS = False

    def name_it() -> None:
        announce_change(f"{WARM_SCOPE}{organization.public_id}:{model.public_id}")
        poll_changes()

    async def scene() -> list[int]:
        await warming.begin()
        await in_pool(name_it)
        return await standing()

    assert run(scene()) == [version.pk]


def test_one_that_cannot_be_opened_is_left_to_whoever_asks(
    actor: Actor, model: RegisteredModel, version: ModelVersion
) -> None:
    broken = make_version(model, label="9.9")
    ModelVersion.objects.filter(pk=broken.pk).update(digest="0" * 64)

    async def scene() -> bool:
        await warming.warm(Used(model.organization_id, broken.pk, broken.size))
        return room().shelf.is_loaded(broken.pk)

    assert run(scene()) is False
    assert Stage(version.stage) is Stage.PRODUCTION
