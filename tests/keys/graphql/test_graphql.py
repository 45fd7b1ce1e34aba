"""Each deed and list of keys through GraphQL says what REST says, errors included."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.console.views.keys import CREATE_IN_GRAPHQL
from apps.core.actor import Role
from apps.core.errors import Unauthenticated
from apps.core.ids import new_id
from apps.keys.queries.identities import identity_of_key
from apps.tenants.models import Membership, Organization
from tests.client import GateClient
from tests.factories.keys import make_key
from tests.factories.tenants import log_in, make_admin, make_member, make_service_account

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

KEY = (
    "id name prefix hint role approver owner { id name } state limits addresses models "
    "budget { amount period } expires_at: expiresAt last_used_at: lastUsedAt "
    "cache_seconds: cacheSeconds revoked_at: revokedAt created_at: createdAt revision"
)
LIST = f"query ($state: String, $role: String, $owner: ID, $q: String) {{ keys(state: $state, role: $role, owner: $owner, q: $q) {{ nodes {{ {KEY} }} totalCount }} }}"
ONE = f"query ($id: ID!) {{ key(id: $id) {{ {KEY} }} }}"
CREATE = f"mutation ($input: CreateApiKeyInput!) {{ createApiKey(input: $input) {{ key {{ {KEY} }} secret }} }}"
UPDATE = f"mutation ($id: ID!, $input: UpdateApiKeyInput!, $revision: Int) {{ updateApiKey(id: $id, input: $input, expectedRevision: $revision) {{ key {{ {KEY} }} }} }}"
ROTATE = "mutation ($id: ID!, $grace: Int) { rotateApiKey(id: $id, graceSeconds: $grace) { key { id revision } secret } }"
REVOKE = "mutation ($id: ID!) { revokeApiKey(id: $id) { key { id state } } }"
DEEDS = {
    "create": (CREATE, {"input": {"name": "mine", "role": "viewer"}}),
    "update": (UPDATE, {"input": {"name": "renamed"}}),
    "rotate": (ROTATE, {}),
    "revoke": (REVOKE, {}),
}


class House:
    """The two doors, for one member or by one key."""

    def __init__(self, member: Membership, key: str = "") -> None:
        self.client = GateClient()
        self.key = key or log_in(member).access

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
        """The kind, and the field that is wrong or the stable code."""
        (error,) = self.ask(query, **variables)["errors"]
        extensions = error["extensions"]
        fields = extensions.get("fields")
        return extensions["code"], fields[0]["field"] if fields else extensions["error"]


@pytest.fixture
def house(admin: Membership) -> House:
    return House(admin)


def test_keys_are_those_of_rest(
    house: House, admin: Membership, user: Membership, stranger: Membership
) -> None:
    make_key(user, limits={"default": "5/m"}, addresses=["10.0.0.0/8"], models=["small"])
    make_key(admin, budget={"amount": 25, "period": "day"}, expires_at=_tomorrow())
    make_key(make_service_account(admin.organization))
    make_key(stranger)

    found = house.data(LIST)["keys"]

    rest = house.rest("keys")
    assert found == {"nodes": rest["data"], "totalCount": 3}


def test_keys_cost_as_many_queries_for_three_as_for_one(house: House, admin: Membership) -> None:
    make_key(admin)
    house.data(LIST)
    with CaptureQueriesContext(connection) as for_one:
        house.data(LIST)
    make_key(admin)
    make_key(make_service_account(admin.organization))

    with CaptureQueriesContext(connection) as for_three:
        house.data(LIST)

    assert len(for_three) == len(for_one)


def test_keys_are_filtered(house: House, admin: Membership, user: Membership) -> None:
    make_key(admin, name="deploy")
    theirs = make_key(user, name="chat")

    names = {
        name: [node["name"] for node in house.data(LIST, **asked)["keys"]["nodes"]]
        for name, asked in {
            "role": {"role": "admin"},
            "owner": {"owner": user.user.public_id},
            "q": {"q": "HAT"},
            "state": {"state": "revoked"},
        }.items()
    }

    assert names == {"role": ["deploy"], "owner": [theirs.key.name], "q": ["chat"], "state": []}


@pytest.mark.parametrize("name", ["state", "role", "owner"])
def test_keys_refuse_what_no_key_can_be(house: House, name: str) -> None:
    assert house.refusal(LIST, **{name: "bogus"}) == ("INVALID", name)


def test_key_is_that_of_rest(house: House, admin: Membership) -> None:
    made = make_key(admin).key

    found = house.data(ONE, id=made.public_id)["key"]

    assert found == house.rest(f"keys/{made.public_id}")


@pytest.mark.parametrize("query", [ONE, UPDATE, ROTATE, REVOKE])
@pytest.mark.parametrize("whose", ["another's", "nobody's", "malformed"])
def test_key_that_is_not_here_is_not_found(
    house: House, stranger: Membership, query: str, whose: str
) -> None:
    key_id = {
        "another's": make_key(stranger).key.public_id,
        "nobody's": new_id("key"),
        "malformed": "key_1",
    }[whose]
    more = {"input": {"name": "mine"}} if query is UPDATE else {}

    assert house.refusal(query, id=key_id, **more) == ("NOT_FOUND", "not_found")


def test_create_is_what_the_console_shows(house: House) -> None:
    made = house.data(CREATE_IN_GRAPHQL)["createApiKey"]

    found = house.rest(f"keys/{made['key']['id']}")
    assert (made["key"]["name"], found["role"]) == ("ci-main", "service")
    assert identity_of_key(made["secret"]).credential.id == made["key"]["id"]


def test_create_takes_every_term(house: House, user: Membership) -> None:
    until = _tomorrow()
    terms = {
        "limits": {"chat": "5/m"},
        "addresses": ["10.1.2.3"],
        "models": ["small"],
        "budget": {"amount": 2.5, "period": "month"},
    }

    made = house.data(
        CREATE,
        input={
            "name": "all",
            "role": "user",
            "owner": user.user.public_id,
            "prefix": "aqe_",
            "expiresAt": until.isoformat(),
            **terms,
        },
    )["createApiKey"]

    key = made["key"]
    assert made["secret"].startswith("aqe_")
    assert {name: key[name] for name in terms} == {**terms, "addresses": ["10.1.2.3/32"]}
    assert key["owner"] == {"id": user.user.public_id, "name": user.user.name}
    assert key["expires_at"] == until.isoformat().replace("+00:00", "Z")
    assert key == house.rest(f"keys/{key['id']}")


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ({"name": " "}, ("INVALID", "name")),
        ({"name": "a\u202eb"}, ("INVALID", "name")),
        ({"name": "x" * 256}, ("INVALID", "name")),
        ({"role": "root"}, ("INVALID", "role")),
        ({"approver": True}, ("INVALID", "approver")),
        ({"owner": "user_1"}, ("NOT_FOUND", "not_found")),
        ({"owner": "nobody"}, ("NOT_FOUND", "not_found")),
        ({"prefix": "sk_"}, ("INVALID", "prefix")),
        ({"limits": {"chat": "often"}}, ("INVALID", "limits.chat")),
        ({"limits": {"none": "1/m"}}, ("INVALID", "limits.none")),
        ({"limits": ["1/m"]}, ("INVALID", "limits")),
        ({"limits": "1/m"}, ("INVALID", "limits")),
        ({"addresses": ["here"]}, ("INVALID", "addresses.0")),
        ({"models": ["x" * 51]}, ("INVALID", "models.0")),
        ({"budget": {"amount": 0, "period": "day"}}, ("INVALID", "budget.amount")),
        ({"budget": {"amount": 1, "period": "year"}}, ("INVALID", "budget.period")),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, ("INVALID", "expires_at")),
        ({"expiresAt": "2020-01-01T00:00:00"}, ("INVALID", "expires_at")),
        ({"expiresAt": "9999-12-31T23:59:59-12:00"}, ("INVALID", "expires_at")),
    ],
)
def test_create_names_what_is_wrong(
    house: House, wrong: dict[str, Any], refusal: tuple[str, str]
) -> None:
    assert house.refusal(CREATE, input={"name": "mine", "role": "user", **wrong}) == refusal
    assert house.rest("keys")["meta"]["total"] == 0


def test_create_takes_a_moment_without_zone_for_utc(house: House) -> None:
    day = f"{_tomorrow():%Y-%m-%d}"

    made = house.data(
        CREATE, input={"name": "mine", "role": "user", "expiresAt": f"{day}T12:00:00"}
    )["createApiKey"]

    assert made["key"]["expires_at"] == f"{day}T12:00:00Z"


def test_update_changes_what_is_named_and_takes_away_what_is_null(
    house: House, admin: Membership
) -> None:
    made = make_key(admin, expires_at=_tomorrow(), models=["small"], addresses=["10.0.0.0/8"])

    changed = house.data(
        UPDATE,
        id=made.key.public_id,
        input={"name": "new", "expiresAt": None, "models": None},
        revision=1,
    )["updateApiKey"]["key"]

    assert (changed["name"], changed["expires_at"], changed["models"]) == ("new", None, None)
    assert (changed["addresses"], changed["revision"]) == (["10.0.0.0/8"], 2)


@pytest.mark.parametrize(
    ("variables", "refusal"),
    [
        ({"input": {"name": "new"}, "revision": 7}, ("STALE", "stale")),
        ({"input": {}}, ("INVALID", "input")),
        ({"input": {"name": None}}, ("INVALID", "input.name")),
        ({"input": {"limits": {"chat": 5}}}, ("INVALID", "limits.chat")),
    ],
)
def test_update_refuses(
    house: House, admin: Membership, variables: dict[str, Any], refusal: tuple[str, str]
) -> None:
    made = make_key(admin, name="old").key

    assert house.refusal(UPDATE, id=made.public_id, **variables) == refusal
    assert house.rest(f"keys/{made.public_id}")["name"] == "old"


def test_rotate_gives_a_new_secret_and_a_grace(house: House, admin: Membership) -> None:
    made = make_key(admin)

    rotated = house.data(ROTATE, id=made.key.public_id, grace=60)["rotateApiKey"]

    assert rotated["key"] == {"id": made.key.public_id, "revision": 2}
    assert [
        identity_of_key(secret).credential.id for secret in (made.secret, rotated["secret"])
    ] == [
        made.key.public_id,
        made.key.public_id,
    ]


def test_rotate_without_grace_ends_the_old_secret(house: House, admin: Membership) -> None:
    made = make_key(admin)

    house.data(ROTATE, id=made.key.public_id, grace=None)

    with pytest.raises(Unauthenticated):
        identity_of_key(made.secret)


def test_rotate_refuses_a_grace_that_is_too_long(house: House, admin: Membership) -> None:
    made = make_key(admin).key

    assert house.refusal(ROTATE, id=made.public_id, grace=2**31 - 1) == ("INVALID", "grace_seconds")


def test_revoke_ends_the_key_at_once(house: House, admin: Membership) -> None:
    made = make_key(admin)
    by_key = House(admin, made.secret)
    assert by_key.data("{ me { role } }") == {"me": {"role": "admin"}}

    revoked = house.data(REVOKE, id=made.key.public_id)["revokeApiKey"]["key"]

    assert revoked == {"id": made.key.public_id, "state": "revoked"}
    assert by_key.refusal("{ me { role } }") == ("UNAUTHENTICATED", "unauthenticated")
    assert house.refusal(ROTATE, id=made.key.public_id) == ("CONFLICT", "key_revoked")


@pytest.mark.parametrize("deed", DEEDS)
def test_deeds_are_not_for_viewers(
    organization: Organization, admin: Membership, deed: str
) -> None:
    query, variables = DEEDS[deed]
    viewer = House(make_member(organization, Role.VIEWER))
    more = {} if deed == "create" else {"id": make_key(admin).key.public_id}

    assert viewer.refusal(query, **variables, **more) == ("DENIED", "permission_denied")


@pytest.mark.parametrize("deed", ["update", "rotate", "revoke"])
def test_deeds_on_others_keys_are_the_admins(
    admin: Membership, user: Membership, deed: str
) -> None:
    query, variables = DEEDS[deed]
    key = make_key(make_service_account(admin.organization)).key

    assert House(user).refusal(query, id=key.public_id, **variables) == (
        "DENIED",
        "permission_denied",
    )


@pytest.mark.parametrize("query", [LIST, ONE, CREATE, UPDATE, ROTATE, REVOKE])
def test_nobody_gets_nothing(query: str, admin: Membership) -> None:
    key_id = make_key(admin).key.public_id
    variables = {"id": key_id, "input": {"name": "mine", "role": "user"}}
    if query is UPDATE:
        variables["input"] = {"name": "mine"}

    answer = GateClient().post("/graphql", {"query": query, "variables": variables}).json()

    assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNAUTHENTICATED"]


def test_a_lesser_key_of_the_same_owner_gets_at_no_greater_one(admin: Membership) -> None:
    lesser = House(admin, make_key(admin, Role.USER).secret)
    greater = make_key(admin).key

    refusals = [
        lesser.refusal(query, id=greater.public_id, **more)
        for query, more in [(UPDATE, {"input": {"name": "mine"}}), (ROTATE, {})]
    ]

    assert refusals == [("DENIED", "stronger_key")] * 2


def _tomorrow() -> Any:
    return (timezone.now() + timedelta(days=1)).replace(microsecond=0)


def test_other_organizations_keys_are_not_counted(house: House) -> None:
    make_key(make_admin())

    assert house.data(LIST)["keys"] == {"nodes": [], "totalCount": 0}
