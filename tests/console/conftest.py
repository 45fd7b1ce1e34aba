"""Who visits: an administrator, a user and a viewer of one organisation, and the administrator of another."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from apps.core.actor import Role
from apps.core.limits.factory import set_store
from apps.core.limits.memory import MemoryLimitStore
from apps.core.tenancy import organization_scope
from apps.providers.ledger.factory import set_ledger
from apps.providers.ledger.memory import MemoryLedger
from apps.providers.queries.usage import forget_kept
from apps.tenants.models import Membership, Organization
from tests.factories.console import Visitor
from tests.factories.tenants import make_admin, make_member, make_organization


@pytest.fixture(autouse=True)
def empty_limits() -> Iterator[None]:
    set_store(MemoryLimitStore())
    cache.clear()  # django-ratelimit counts there
    yield
    set_store(None)


@pytest.fixture(autouse=True)
def empty_ledger() -> Iterator[None]:
    """What was spent and asked for in one test is nothing to the next."""
    before = set_ledger(MemoryLedger())
    forget_kept()
    yield
    set_ledger(before)


@pytest.fixture
def organization(db: None) -> Iterator[Organization]:
    made = make_organization(slug="acme", name="Acme")
    with organization_scope(made.pk):
        yield made


@pytest.fixture
def admin(organization: Organization) -> Membership:
    return make_admin(organization)


@pytest.fixture
def user(organization: Organization) -> Membership:
    return make_member(organization, Role.USER)


@pytest.fixture
def viewer(organization: Organization) -> Membership:
    return make_member(organization, Role.VIEWER)


@pytest.fixture
def stranger(db: None) -> Membership:
    """The administrator of another organisation."""
    return make_admin()


@pytest.fixture
def at_admin(admin: Membership) -> Visitor:
    return Visitor(admin)


@pytest.fixture
def at_user(user: Membership) -> Visitor:
    return Visitor(user)


@pytest.fixture
def at_viewer(viewer: Membership) -> Visitor:
    return Visitor(viewer)
