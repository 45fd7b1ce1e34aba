"""Each deed and list of this app through GraphQL says what REST says, errors included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.actor import Role
from apps.tenants.models import Membership, Organization
from tests.client import GateClient
from tests.factories.tenants import (
    log_in,
    make_admin,
    make_invitation,
    make_member,
    make_service_account,
    make_user,
)

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

USER = "{ id email name }"
ORGANIZATION = "id slug name created_at: createdAt"
MEMBER = f"id user {USER} role approver created_at: createdAt"
INVITATION = (
    f"id email role approver status invited_by: invitedBy {USER} "
    "created_at: createdAt expires_at: expiresAt"
)
ACCOUNT = f"id name is_active: isActive created_by: createdBy {USER} created_at: createdAt"
ME = (
    f"user {USER} service_account: serviceAccount {{ id name }} organization {{ id slug name }} "
    "role approver permissions credential { kind id expires_at: expiresAt }"
)


class House:
    """The two doors, for one member."""

    def __init__(self, member: Membership) -> None:
        self.client = GateClient()
        self.key = log_in(member).access

    def ask(self, query: str, **variables: Any) -> Any:
        body = {"query": query, "variables": variables}
        return self.client.post("/graphql", body, key=self.key).json()

    def data(self, query: str, **variables: Any) -> Any:
        answer = self.ask(query, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    def rest(self, path: str) -> Any:
        return self.client.get(f"/api/v1/{path}", key=self.key).json()

    def refusal(self, query: str, **variables: Any) -> tuple[str, str]:
        (error,) = self.ask(query, **variables)["errors"]
        return error["extensions"]["code"], error["extensions"]["error"]


@pytest.fixture
def house(admin: Membership) -> House:
    return House(admin)


def test_me_says_what_rest_says(house: House) -> None:
    assert house.data(f"{{ me {{ {ME} }} }}")["me"] == house.rest("auth/me")


@pytest.mark.parametrize(
    ("field", "selection", "path"),
    [
        ("organizations", ORGANIZATION, "organizations?ordering=-created_at"),
        ("members", MEMBER, "members?ordering=-created_at"),
        ("invitations", INVITATION, "invitations"),
        ("serviceAccounts", ACCOUNT, "service-accounts?ordering=-created_at"),
    ],
)
def test_lists_say_what_rest_says(
    house: House, admin: Membership, stranger: Membership, field: str, selection: str, path: str
) -> None:
    make_member(user=admin.user)
    for organization in (admin.organization, admin.organization, stranger.organization):
        make_member(organization)
        make_invitation(organization, created_by=admin.user)
        make_service_account(organization, created_by=admin.user)

    answer = house.data(f"{{ {field} {{ nodes {{ {selection} }} totalCount }} }}")[field]

    rows = house.rest(path)["data"]
    assert len(rows) >= 2
    assert answer == {"nodes": rows, "totalCount": len(rows)}


def test_members_are_filtered(house: House, admin: Membership) -> None:
    viewer = make_member(admin.organization, Role.VIEWER)
    approver = make_member(admin.organization, is_approver=True)

    data = house.data(
        '{ viewers: members(role: "viewer") { nodes { id } } '
        "approvers: members(approver: true) { nodes { id } } }"
    )

    assert data == {
        "viewers": {"nodes": [{"id": viewer.public_id}]},
        "approvers": {"nodes": [{"id": approver.public_id}]},
    }


@pytest.mark.parametrize("extra", [1, 3])
def test_members_take_one_query_however_many(house: House, admin: Membership, extra: int) -> None:
    for _ in range(extra):
        make_member(admin.organization)
    query = f"{{ members {{ nodes {{ {MEMBER} }} }} }}"
    house.data(query)

    with CaptureQueriesContext(connection) as queries:
        nodes = house.data(query)["members"]["nodes"]

    rows = [each for each in queries if "tenants_" in each["sql"]]
    assert (len(nodes), len(rows)) == (extra + 1, 1)


def one_of(stranger: Membership) -> dict[str, str]:
    invitation, _ = make_invitation(stranger.organization)
    account = make_service_account(stranger.organization)
    return {
        "member": stranger.public_id,
        "invitation": invitation.public_id,
        "serviceAccount": account.public_id,
        "organization": stranger.organization.public_id,
    }


@pytest.mark.parametrize("field", ["member", "invitation", "serviceAccount", "organization"])
def test_one_of_another_organization_is_not_found(
    house: House, stranger: Membership, field: str
) -> None:
    query = f"query q($id: ID!) {{ {field}(id: $id) {{ id }} }}"

    refusals = [house.refusal(query, id=name) for name in (one_of(stranger)[field], "x", "mem_1")]

    assert refusals == [("NOT_FOUND", "not_found")] * 3


def test_one_says_what_rest_says(house: House, admin: Membership) -> None:
    invitation, _ = make_invitation(admin.organization)
    account = make_service_account(admin.organization)

    data = house.data(
        f'{{ organization {{ {ORGANIZATION} }} member(id: "{admin.public_id}") {{ {MEMBER} }} '
        f'invitation(id: "{invitation.public_id}") {{ {INVITATION} }} '
        f'service_account: serviceAccount(id: "{account.public_id}") {{ {ACCOUNT} }} }}'
    )

    assert data == {
        "organization": house.rest("organizations/current"),
        "member": house.rest(f"members/{admin.public_id}"),
        "invitation": house.rest(f"invitations/{invitation.public_id}"),
        "service_account": house.rest(f"service-accounts/{account.public_id}"),
    }


def test_create_organization_is_the_operator_s(house: House, organization: Organization) -> None:
    operator = House(make_admin(organization, user=make_user(is_staff=True)))
    deed = 'mutation { createOrganization(name: "Beta", slug: "beta") { organization { slug } } }'

    refused = house.refusal(deed)
    made = operator.data(deed)

    assert refused == ("DENIED", "permission_denied")
    assert made == {"createOrganization": {"organization": {"slug": "beta"}}}


def test_update_organization_holds_to_its_revision(house: House) -> None:
    deed = (
        'mutation { updateOrganization(name: "Acme Ltd", expectedRevision: 1) '
        "{ organization { name revision } } }"
    )

    first, second = house.data(deed), house.refusal(deed)

    assert first == {"updateOrganization": {"organization": {"name": "Acme Ltd", "revision": 2}}}
    assert second == ("STALE", "stale")


def test_change_member_gives_role_and_grant(house: House, admin: Membership) -> None:
    member = make_member(admin.organization)

    data = house.data(
        'mutation m($id: ID!) { changeMember(id: $id, role: "viewer", approver: true, '
        "expectedRevision: 1) { member { role approver revision } } }",
        id=member.public_id,
    )

    assert data == {"changeMember": {"member": {"role": "viewer", "approver": True, "revision": 2}}}


def test_remove_member_removes(house: House, admin: Membership) -> None:
    member = make_member(admin.organization)

    data = house.data("mutation m($id: ID!) { removeMember(id: $id) { id } }", id=member.public_id)

    assert data == {"removeMember": {"id": member.public_id}}
    assert not Membership.objects.filter(pk=member.pk).exists()


def test_invite_member_answers_the_link_and_revoke_closes_it(house: House) -> None:
    made = house.data(
        'mutation { inviteMember(email: "guest@example.com", role: "user") '
        "{ url invitation { id status } } }"
    )["inviteMember"]

    revoked = house.data(
        "mutation m($id: ID!) { revokeInvitation(id: $id) { invitation { status } } }",
        id=made["invitation"]["id"],
    )

    assert "/console/invitation?token=" in made["url"]
    assert made["invitation"]["status"] == "pending"
    assert revoked == {"revokeInvitation": {"invitation": {"status": "revoked"}}}


def test_service_account_is_made_and_switched_off(house: House) -> None:
    made = house.data(
        'mutation { createServiceAccount(name: "nightly") { serviceAccount { id isActive } } }'
    )["createServiceAccount"]["serviceAccount"]

    changed = house.data(
        "mutation m($id: ID!) { changeServiceAccount(id: $id, isActive: false) "
        "{ serviceAccount { name isActive revision } } }",
        id=made["id"],
    )

    assert made["isActive"] is True
    assert changed == {
        "changeServiceAccount": {
            "serviceAccount": {"name": "nightly", "isActive": False, "revision": 2}
        }
    }


Deed = Callable[[dict[str, str]], str]
DEEDS: dict[str, Deed] = {
    "updateOrganization": lambda ids: 'updateOrganization(name: "x") { organization { id } }',
    "changeMember": lambda ids: (
        f'changeMember(id: "{ids["member"]}", role: "viewer") {{ member {{ id }} }}'
    ),
    "removeMember": lambda ids: f'removeMember(id: "{ids["member"]}") {{ id }}',
    "inviteMember": lambda ids: 'inviteMember(email: "a@b.example", role: "user") { url }',
    "revokeInvitation": lambda ids: (
        f'revokeInvitation(id: "{ids["invitation"]}") {{ invitation {{ id }} }}'
    ),
    "createServiceAccount": lambda ids: 'createServiceAccount(name: "x") { serviceAccount { id } }',
    "changeServiceAccount": lambda ids: (
        f'changeServiceAccount(id: "{ids["serviceAccount"]}", name: "x") {{ serviceAccount {{ id }} }}'
    ),
}


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("role", [Role.USER, Role.VIEWER])
def test_deeds_are_for_administrators(
    organization: Organization, stranger: Membership, role: Role, deed: str
) -> None:
    house = House(make_member(organization, role))

    refusal = house.refusal(f"mutation {{ {DEEDS[deed](one_of(stranger))} }}")

    assert refusal == ("DENIED", "permission_denied")


@pytest.mark.parametrize("deed", DEEDS)
def test_deeds_need_somebody(organization: Organization, stranger: Membership, deed: str) -> None:
    body = {"query": f"mutation {{ {DEEDS[deed](one_of(stranger))} }}"}

    answer = GateClient().post("/graphql", body).json()

    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    "deed", ["changeMember", "removeMember", "revokeInvitation", "changeServiceAccount"]
)
def test_deeds_find_nothing_of_another_organization(
    house: House, stranger: Membership, deed: str
) -> None:
    refusal = house.refusal(f"mutation {{ {DEEDS[deed](one_of(stranger))} }}")

    assert refusal == ("NOT_FOUND", "not_found")


@pytest.mark.parametrize(
    ("deed", "code", "error"),
    [
        ('changeMember(id: "{me}", role: "user") {{ member {{ id }} }}', "CONFLICT", "last_admin"),
        ('changeMember(id: "{me}", approver: true) {{ member {{ id }} }}', "DENIED", "self_raise"),
        (
            'changeMember(id: "{me}", role: "king") {{ member {{ id }} }}',
            "INVALID",
            "validation_error",
        ),
        (
            'changeMember(id: "{me}", role: "service") {{ member {{ id }} }}',
            "INVALID",
            "validation_error",
        ),
        ('changeMember(id: "{me}") {{ member {{ id }} }}', "INVALID", "validation_error"),
        ('removeMember(id: "{me}") {{ id }}', "CONFLICT", "last_admin"),
        ('inviteMember(email: "{email}", role: "user") {{ url }}', "CONFLICT", "already_member"),
        ('inviteMember(email: "nobody", role: "user") {{ url }}', "INVALID", "validation_error"),
        (
            'updateOrganization(name: " ") {{ organization {{ id }} }}',
            "INVALID",
            "validation_error",
        ),
        (
            'updateOrganization(name: "a\\u202eb") {{ organization {{ id }} }}',
            "INVALID",
            "validation_error",
        ),
        (
            'createServiceAccount(name: "{long}") {{ serviceAccount {{ id }} }}',
            "INVALID",
            "validation_error",
        ),
    ],
)
def test_deeds_refuse_what_rest_refuses(
    house: House, admin: Membership, deed: str, code: str, error: str
) -> None:
    text = deed.format(me=admin.public_id, email=admin.user.email, long="x" * 101)

    assert house.refusal(f"mutation {{ {text} }}") == (code, error)
