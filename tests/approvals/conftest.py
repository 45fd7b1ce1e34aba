"""What these tests share: an organisation with somebody who asks and people who decide, and another one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from apps.core import bus
from apps.core.actor import Role
from apps.core.limits.factory import set_store
from apps.core.limits.memory import MemoryLimitStore
from apps.core.tenancy import organization_scope
from apps.tenants.models import Membership, Organization
from tests.factories.tenants import make_admin, make_member, make_organization


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
    made = make_organization(slug="acme", name="Acme")
    with organization_scope(made.pk):
        yield made


@pytest.fixture
def admin(organization: Organization) -> Membership:
    """An administrator without the approver grant."""
    return make_admin(organization)


@pytest.fixture
def asker(organization: Organization) -> Membership:
    """Who asks; an approver too, so that a refusal is for their own request and nothing else."""
    return make_member(organization, is_approver=True)


@pytest.fixture
def approver(organization: Organization) -> Membership:
    return make_member(organization, is_approver=True)


@pytest.fixture
def second(organization: Organization) -> Membership:
    return make_member(organization, Role.VIEWER, is_approver=True)


@pytest.fixture
def viewer(organization: Organization) -> Membership:
    return make_member(organization, Role.VIEWER)


@pytest.fixture
def stranger(db: None) -> Membership:
    """An administrator and approver of another organisation."""
    return make_admin(is_approver=True)
