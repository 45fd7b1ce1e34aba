"""What these tests share: an empty limit store each, and the facts that were announced."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from apps.core import bus
from apps.core.limits.factory import set_store
from apps.core.limits.memory import MemoryLimitStore
from apps.core.tenancy import organization_scope
from apps.tenants.models import Membership, Organization
from tests.factories.tenants import make_admin, make_organization


@pytest.fixture(autouse=True)
def empty_limits() -> Iterator[None]:
    set_store(MemoryLimitStore())
    yield
    set_store(None)


@pytest.fixture
def facts(monkeypatch: pytest.MonkeyPatch) -> list[bus.Fact]:
    announced: list[bus.Fact] = []
    monkeypatch.setattr(bus, "_sinks", lambda: (announced.append,))
    return announced


@pytest.fixture
def organization(db: None) -> Iterator[Organization]:
    """The organisation the test acts in."""
    made = make_organization(slug="acme", name="Acme")
    with organization_scope(made.pk):
        yield made


@pytest.fixture
def stranger(db: None) -> Membership:
    """The administrator of another organisation."""
    return make_admin()


@pytest.fixture
def admin(organization: Organization) -> Membership:
    return make_admin(organization)
