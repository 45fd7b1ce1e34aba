"""A model in production, and whoever asks it; each test in one event loop, as a server is."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from apps.core import changes
from apps.core.asgi.pool import InlinePool, use_pool
from apps.models.enums import Stage
from apps.models.models import ModelVersion, RegisteredModel
from apps.models.serving.rooms import close_room
from apps.tenants.models import Organization
from tests.factories.models import make_model, make_version


@pytest.fixture
def inline_pool(db: None) -> Iterator[None]:
    """In this test's transaction, and as a process that has just heard what is new."""
    before = use_pool(InlinePool())
    changes.forget_polls()
    changes.poll_changes()
    yield
    use_pool(before)


@pytest.fixture
def model(organization: Organization) -> RegisteredModel:
    return make_model(organization, name="churn")


@pytest.fixture
def version(model: RegisteredModel, inline_pool: None) -> ModelVersion:
    return make_version(model, label="1.2.0", stage=Stage.PRODUCTION)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    async def whole() -> Any:
        try:
            return await work
        finally:
            await close_room()

    return asyncio.run(whole())
