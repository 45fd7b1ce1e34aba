"""Two organizations, ours in scope and one to leak from; files of each test apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.core.actor import Actor
from apps.core.limits.factory import set_store
from apps.core.limits.memory import MemoryLimitStore
from apps.core.tenancy import organization_scope
from apps.tenants.models import Organization
from tests.factories.tenants import actor_of, make_admin, make_organization


@pytest.fixture(autouse=True)
def files_apart(settings: Any, tmp_path: Path) -> None:
    settings.SIGNALBOX_DATA_DIR = tmp_path


@pytest.fixture(autouse=True)
def empty_limits() -> Iterator[None]:
    set_store(MemoryLimitStore())
    yield
    set_store(None)


@pytest.fixture
def organization(db: None) -> Iterator[Organization]:
    made = make_organization(slug="acme", name="Acme")
    with organization_scope(made.pk):
        yield made


@pytest.fixture
def other(db: None) -> Organization:
    return make_organization(slug="other", name="Other")


@pytest.fixture
def actor(organization: Organization) -> Actor:
    """An administrator of ours."""
    return actor_of(make_admin(organization))
