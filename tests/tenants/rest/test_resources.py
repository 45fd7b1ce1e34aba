from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.actor import Role
from apps.tenants.models import Invitation, Membership, Organization
from tests.factories.tenants import (
    PASSWORD,
    make_admin,
    make_invitation,
    make_member,
    make_service_account,
    make_user,
)
from tests.tenants.rest.conftest import Desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(organization: Organization) -> Membership:
    return make_member(organization, Role.VIEWER)


@pytest.fixture
def operator(organization: Organization) -> Membership:
    return make_admin(organization, user=make_user(is_staff=True))


def present(member: Membership) -> dict[str, Any]:
    return {
        "id": member.public_id,
        "user": {
            "id": member.user.public_id,
            "email": member.user.email,
            "name": member.user.name,
        },
        "role": member.role,
        "approver": member.is_approver,
        "created_at": member.created_at.isoformat().replace("+00:00", "Z"),
    }


def ids(answer: Any) -> list[str]:
    return [row["id"] for row in answer.json()["data"]]


# Organisations


def test_organizations_lists_one_s_own(desk: Desk, admin: Membership, stranger: Membership) -> None:
    other = make_member(user=admin.user)

    answer = desk.call("GET", "organizations", admin)

    assert (answer.status, answer.json()["meta"]["total"]) == (200, 2)
    assert ids(answer) == [admin.organization.public_id, other.organization.public_id]


def test_organizations_lists_all_for_the_operator(
    desk: Desk, operator: Membership, stranger: Membership
) -> None:
    answer = desk.call("GET", "organizations", operator)

    assert ids(answer) == [operator.organization.public_id, stranger.organization.public_id]


def test_organizations_are_founded_by_the_operator(desk: Desk, operator: Membership) -> None:
    answer = desk.call("POST", "organizations", operator, body={"name": "Beta", "slug": "beta"})

    body = answer.json()
    assert answer.status == 201
    assert (body["name"], body["slug"], body["id"][:4]) == ("Beta", "beta", "org_")


def test_organizations_are_not_founded_by_administrators(desk: Desk, admin: Membership) -> None:
    answer = desk.call("POST", "organizations", admin, body={"name": "Beta", "slug": "beta"})

    assert (answer.status, answer.error) == (403, "permission_denied")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "Beta"}, "slug"),
        ({"slug": "beta"}, "name"),
        ({"name": "Beta", "slug": "not a slug"}, "slug"),
        ({"name": "x" * 256, "slug": "beta"}, "name"),
        ({"name": " ", "slug": "beta"}, "name"),
        ({"name": "a\u202eb", "slug": "beta"}, "name"),
        ({"name": "Beta", "slug": "beta", "id": "org_1"}, "id"),
    ],
)
def test_organizations_name_the_wrong_field(
    desk: Desk, operator: Membership, body: dict[str, Any], field: str
) -> None:
    answer = desk.call("POST", "organizations", operator, body=body)

    assert (answer.status, answer.json()["invalid_fields"]) == (422, [field])


def test_organizations_refuse_a_taken_slug(
    desk: Desk, operator: Membership, stranger: Membership
) -> None:
    answer = desk.call(
        "POST", "organizations", operator, body={"name": "Copy", "slug": stranger.organization.slug}
    )

    assert (answer.status, answer.error) == (409, "name_taken")


def test_current_organization_of_one_is_not_that_of_another(
    desk: Desk, admin: Membership, stranger: Membership
) -> None:
    mine = desk.call("GET", "organizations/current", admin)
    known = {"if-none-match": mine.headers["etag"]}

    answers = [
        desk.call("GET", "organizations/current", by, headers=known) for by in (admin, stranger)
    ]

    assert [answer.status for answer in answers] == [304, 200]
    assert answers[1].json()["id"] == stranger.organization.public_id


def test_current_organization_is_renamed_under_its_revision(desk: Desk, admin: Membership) -> None:
    read = desk.call("GET", "organizations/current", admin)
    headers = {"if-match": read.headers["etag"]}

    changed = desk.call(
        "PATCH", "organizations/current", admin, body={"name": "Acme Ltd"}, headers=headers
    )
    stale = desk.call(
        "PATCH", "organizations/current", admin, body={"name": "Acme Inc"}, headers=headers
    )

    assert (read.json()["name"], read.headers["etag"][:4]) == ("Acme", '"r1-')
    assert (changed.status, changed.json()["name"], changed.headers["etag"]) == (
        200,
        "Acme Ltd",
        '"r2"',
    )
    assert (stale.status, stale.error) == (412, "stale")


def test_current_organization_is_not_renamed_by_a_viewer(desk: Desk, viewer: Membership) -> None:
    answer = desk.call("PATCH", "organizations/current", viewer, body={"name": "Mine"})

    assert (answer.status, desk.call("GET", "organizations/current", viewer).json()["name"]) == (
        403,
        "Acme",
    )


# Members


def test_members_are_listed(
    desk: Desk, admin: Membership, viewer: Membership, stranger: Membership
) -> None:
    answer = desk.call("GET", "members", viewer)

    assert answer.status == 200
    assert answer.json() == {
        "data": [present(admin), present(viewer)],
        "meta": {"page": 1, "limit": 20, "total": 2, "total_pages": 1},
    }


def test_members_are_filtered_and_ordered(
    desk: Desk, admin: Membership, viewer: Membership, stranger: Membership
) -> None:
    approver = make_member(admin.organization, is_approver=True)

    by_role = desk.call("GET", "members?role=viewer", admin)
    by_grant = desk.call("GET", "members?approver=true", admin)
    ordered = desk.call("GET", "members?ordering=-created_at", admin)
    paged = desk.call("GET", "members?page=2&limit=2", admin)

    assert (ids(by_role), ids(by_grant)) == ([viewer.public_id], [approver.public_id])
    assert ids(ordered) == [approver.public_id, viewer.public_id, admin.public_id]
    assert ids(paged) == [approver.public_id]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("role=king", "role"),
        ("ordering=user__password", "ordering"),
        ("page=0", "page"),
        ("limit=201", "limit"),
    ],
)
def test_members_refuse_a_wrong_question(
    desk: Desk, admin: Membership, query: str, field: str
) -> None:
    answer = desk.call("GET", f"members?{query}", admin)

    assert (answer.status, answer.json()["invalid_fields"]) == (422, [field])


@pytest.mark.parametrize("extra", [1, 3])
def test_members_take_two_queries_however_many(desk: Desk, admin: Membership, extra: int) -> None:
    for _ in range(extra):
        make_member(admin.organization)
    desk.call("GET", "members", admin)

    with CaptureQueriesContext(connection) as queries:
        answer = desk.call("GET", "members", admin)

    rows = [query for query in queries if "core_changemark" not in query["sql"]]
    assert (len(answer.json()["data"]), len(rows)) == (extra + 1, 2)


def test_member_is_shown_with_its_revision(desk: Desk, viewer: Membership) -> None:
    answer = desk.call("GET", f"members/{viewer.public_id}", viewer)

    assert (answer.status, answer.json()) == (200, present(viewer))
    assert answer.headers["etag"].startswith('"r1-')


def test_member_is_changed_under_its_revision(
    desk: Desk, admin: Membership, viewer: Membership
) -> None:
    path = f"members/{viewer.public_id}"
    headers = {"if-match": '"r1"'}

    changed = desk.call(
        "PATCH", path, admin, body={"role": "user", "approver": True}, headers=headers
    )
    stale = desk.call("PATCH", path, admin, body={"role": "admin"}, headers=headers)

    assert (changed.status, changed.headers["etag"]) == (200, '"r2"')
    assert (changed.json()["role"], changed.json()["approver"]) == ("user", True)
    assert (stale.status, stale.error) == (412, "stale")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"role": "king"}, "role"),
        ({"role": "service"}, "role"),
        ({"role": None}, "role"),
        ({"role": ["admin"]}, "role"),
        ({"approver": "yes"}, "approver"),
        ({"approver": 1}, "approver"),
        ({"approver": None}, "approver"),
        ({"user": "user_1"}, "user"),
    ],
)
def test_member_change_names_the_wrong_field(
    desk: Desk, admin: Membership, viewer: Membership, body: dict[str, Any], field: str
) -> None:
    answer = desk.call("PATCH", f"members/{viewer.public_id}", admin, body=body)

    assert (answer.status, answer.json()["invalid_fields"]) == (422, [field])


def test_member_last_administrator_stays(desk: Desk, admin: Membership) -> None:
    path = f"members/{admin.public_id}"

    demoted = desk.call("PATCH", path, admin, body={"role": "user"})
    removed = desk.call("DELETE", path, admin)

    assert [(demoted.status, demoted.error), (removed.status, removed.error)] == [
        (409, "last_admin")
    ] * 2


def test_member_does_not_raise_themselves(desk: Desk, admin: Membership) -> None:
    answer = desk.call("PATCH", f"members/{admin.public_id}", admin, body={"approver": True})

    assert (answer.status, answer.error) == (403, "self_raise")


def test_member_is_removed(desk: Desk, admin: Membership, viewer: Membership) -> None:
    path = f"members/{viewer.public_id}"

    removed = desk.call("DELETE", path, admin)

    assert (removed.status, desk.call("GET", path, admin).status) == (204, 404)


# Invitations


def test_invitation_is_made_listed_and_accepted(
    desk: Desk, admin: Membership, stranger: Membership
) -> None:
    made = desk.call(
        "POST",
        "invitations",
        admin,
        body={"email": "Guest@Example.com", "role": "user", "approver": True},
    )
    make_invitation(stranger.organization)
    listed = desk.call("GET", "invitations", admin)
    url = made.json().pop("url")
    token = parse_qs(urlsplit(url).query)["token"][0]
    joined = desk.call(
        "POST",
        "invitations/accept",
        body={"token": token, "name": "Grace Hopper", "password": PASSWORD},
    )

    assert made.status == 201
    (row,) = listed.json()["data"]
    assert row == {name: value for name, value in made.json().items() if name != "url"}
    assert (row["email"], row["role"], row["approver"], row["status"]) == (
        "guest@example.com",
        "user",
        True,
        "pending",
    )
    assert row["invited_by"]["email"] == admin.user.email
    assert joined.status == 201
    assert (joined.json()["user"]["name"], joined.json()["organization"]["slug"]) == (
        "Grace Hopper",
        "acme",
    )
    assert desk.call("GET", f"invitations/{row['id']}", admin).json()["status"] == "accepted"


def test_invitation_link_is_shown_once_even_to_a_replay(desk: Desk, admin: Membership) -> None:
    body = {"email": "guest@example.com", "role": "user"}
    headers = {"idempotency-key": "once"}

    first = desk.call("POST", "invitations", admin, body=body, headers=headers)
    second = desk.call("POST", "invitations", admin, body=body, headers=headers)

    assert (first.status, second.status, second.headers["idempotency-replayed"]) == (
        201,
        201,
        "true",
    )
    assert first.json() | {"url": None} == second.json()
    assert Invitation.objects.count() == 1


def test_invitation_is_revoked(desk: Desk, admin: Membership) -> None:
    invitation, token = make_invitation(admin.organization)

    revoked = desk.call("DELETE", f"invitations/{invitation.public_id}", admin)
    accepted = desk.call(
        "POST",
        "invitations/accept",
        body={"token": token, "name": "Guest", "password": PASSWORD},
    )

    assert revoked.status == 204
    assert (accepted.status, accepted.error) == (409, "invitation_closed")


def test_invitation_is_accepted_by_who_is_signed_in(
    desk: Desk, admin: Membership, stranger: Membership
) -> None:
    _, token = make_invitation(admin.organization, email=stranger.user.email)

    answer = desk.call("POST", "invitations/accept", stranger, body={"token": token})

    assert (answer.status, answer.json()["organization"]["slug"]) == (201, "acme")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"role": "user"}, "email"),
        ({"email": "nobody", "role": "user"}, "email"),
        ({"email": "a@b.example"}, "role"),
        ({"email": "a@b.example", "role": "service"}, "role"),
        ({"email": "a@b.example", "role": "user", "approver": "no"}, "approver"),
    ],
)
def test_invitation_names_the_wrong_field(
    desk: Desk, admin: Membership, body: dict[str, Any], field: str
) -> None:
    answer = desk.call("POST", "invitations", admin, body=body)

    assert (answer.status, answer.json()["invalid_fields"]) == (422, [field])


def test_invitation_made_up_is_not_found(desk: Desk) -> None:
    answer = desk.call(
        "POST", "invitations/accept", body={"token": "x" * 43, "name": "A", "password": PASSWORD}
    )

    assert (answer.status, answer.error) == (404, "not_found")


# Service accounts


def test_service_account_is_made_listed_and_changed(
    desk: Desk, admin: Membership, stranger: Membership
) -> None:
    make_service_account(stranger.organization)

    made = desk.call("POST", "service-accounts", admin, body={"name": "nightly"})
    listed = desk.call("GET", "service-accounts?is_active=true", admin)
    path = f"service-accounts/{made.json()['id']}"
    changed = desk.call(
        "PATCH", path, admin, body={"is_active": False}, headers={"if-match": '"r1"'}
    )

    assert (made.status, made.json()["created_by"]["email"]) == (201, admin.user.email)
    assert listed.json()["data"] == [made.json()]
    assert (changed.status, changed.json()["is_active"], changed.headers["etag"]) == (
        200,
        False,
        '"r2"',
    )


def test_service_account_name_is_taken_once(desk: Desk, admin: Membership) -> None:
    make_service_account(admin.organization, name="nightly")

    answer = desk.call("POST", "service-accounts", admin, body={"name": "nightly"})

    assert (answer.status, answer.error) == (409, "name_taken")


# What holds for all of them

READS = ["organizations", "organizations/current", "members", "service-accounts"]
ADMIN_READS = ["invitations"]
FOREIGN = [
    ("GET", "members/{member}"),
    ("PATCH", "members/{member}"),
    ("DELETE", "members/{member}"),
    ("GET", "invitations/{invitation}"),
    ("DELETE", "invitations/{invitation}"),
    ("GET", "service-accounts/{account}"),
    ("PATCH", "service-accounts/{account}"),
]
BODIES = {"members": {"role": "viewer"}, "service-accounts": {"is_active": False}}


@pytest.mark.parametrize("path", [*READS, *ADMIN_READS])
def test_every_list_needs_a_credential(desk: Desk, path: str) -> None:
    answer = desk.call("GET", path)

    assert (answer.status, answer.error) == (401, "unauthenticated")


@pytest.mark.parametrize("path", READS)
def test_every_read_is_a_viewer_s_too(desk: Desk, viewer: Membership, path: str) -> None:
    assert desk.call("GET", path, viewer).status == 200


@pytest.mark.parametrize("role", [Role.USER, Role.VIEWER])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "organizations", {"name": "Beta", "slug": "beta"}),
        ("PATCH", "organizations/current", {"name": "Mine"}),
        ("GET", "invitations", None),
        ("POST", "invitations", {"email": "a@b.example", "role": "admin"}),
        ("POST", "service-accounts", {"name": "mine"}),
        *((method, path, {}) for method, path in FOREIGN if method != "GET"),
    ],
)
def test_every_administration_is_denied_to_others(
    desk: Desk,
    organization: Organization,
    stranger: Membership,
    role: Role,
    method: str,
    path: str,
    body: dict[str, Any] | None,
) -> None:
    member = make_member(organization, role)

    answer = desk.call(method, fill(path, stranger), member, body=body)

    assert (answer.status, answer.error) == (403, "permission_denied")


def fill(path: str, stranger: Membership) -> str:
    invitation, _ = make_invitation(stranger.organization)
    account = make_service_account(stranger.organization)
    return path.format(
        member=stranger.public_id, invitation=invitation.public_id, account=account.public_id
    )


@pytest.mark.parametrize(("method", "path"), FOREIGN)
def test_another_organization_s_object_is_not_there(
    desk: Desk, admin: Membership, stranger: Membership, method: str, path: str
) -> None:
    body = BODIES.get(path.partition("/")[0]) if method == "PATCH" else None

    foreign = desk.call(method, fill(path, stranger), admin, body=body)
    absent = desk.call(
        method,
        path.format(
            member="mem_" + "0" * 32, invitation="inv_" + "0" * 32, account="svc_" + "0" * 32
        ),
        admin,
        body=body,
    )
    malformed = desk.call(
        method, path.format(member="1", invitation="x", account="svc_%00"[:4]), admin, body=body
    )

    answers = [
        (each.status, each.error, each.json()["message"]) for each in (foreign, absent, malformed)
    ]
    assert answers == [(404, "not_found", "There is nothing here by that name.")] * 3
