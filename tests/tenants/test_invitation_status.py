"""Invitations by their status: the same rows through the query and both doors."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.core.errors import Invalid
from apps.tenants.models import Invitation, Membership, Organization
from apps.tenants.queries import people
from tests.client import GateClient
from tests.factories.tenants import actor_of, log_in, make_invitation

pytestmark = pytest.mark.django_db

LIST = "query ($status: String) { invitations(status: $status) { nodes { email status } } }"


@pytest.fixture(autouse=True)
def rows(organization: Organization, stranger: Membership) -> None:
    """One of each status here, and one of each elsewhere."""
    now = timezone.now()
    past = now - timedelta(hours=1)
    for place in (organization, stranger.organization):
        make_invitation(place, email="pending@example.com")
        make_invitation(place, email="expired@example.com", expires_at=past)
        make_invitation(place, email="accepted@example.com", accepted_at=now, expires_at=past)
        make_invitation(place, email="revoked@example.com", revoked_at=now, expires_at=past)


@pytest.mark.parametrize("status", people.INVITATION_STATUSES)
def test_invitations_of_a_status_are_the_same_at_every_door(admin: Membership, status: str) -> None:
    client, key = GateClient(), log_in(admin).access

    (row,) = people.invitations(actor_of(admin), status=status)
    rest = client.get(f"/api/v1/invitations?status={status}", key=key).json()
    asked = {"query": LIST, "variables": {"status": status}}
    graph = client.post("/graphql", asked, key=key).json()

    email = f"{status}@example.com"
    assert (row.email, row.status(timezone.now())) == (email, status)
    assert [(each["email"], each["status"]) for each in rest["data"]] == [(email, status)]
    assert graph["data"]["invitations"]["nodes"] == [{"email": email, "status": status}]


def test_invitations_of_no_status_are_all(admin: Membership) -> None:
    assert people.invitations(actor_of(admin)).count() == 4
    assert Invitation._base_manager.count() == 8


def test_invitations_of_an_unknown_status_are_refused_alike(admin: Membership) -> None:
    client, key = GateClient(), log_in(admin).access

    with pytest.raises(Invalid):
        people.invitations(actor_of(admin), status="lost")
    rest = client.get("/api/v1/invitations?status=lost", key=key)
    asked = {"query": LIST, "variables": {"status": "lost"}}
    graph = client.post("/graphql", asked, key=key).json()

    assert (rest.status, rest.error) == (422, "validation_error")
    assert graph["errors"][0]["extensions"]["code"] == "INVALID"
