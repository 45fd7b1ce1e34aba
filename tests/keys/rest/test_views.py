from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.core.actor import Role
from apps.core.errors import Unauthenticated
from apps.keys.models import ApiKey
from apps.keys.queries.identities import identity_of_key
from apps.tenants.models import Membership
from tests.client import Answer, GateClient
from tests.factories.keys import make_key
from tests.factories.tenants import log_in, make_member, make_service_account

pytestmark = pytest.mark.django_db


class Desk:
    """Calls by members who logged in, or by a key."""

    def __init__(self) -> None:
        self._client = GateClient(address="192.0.2.1")
        self._tokens: dict[int, str] = {}

    def __call__(self, method: str, path: str, by: Membership | str, **kwargs: Any) -> Answer:
        return self._client.call(method, f"/api/v1/{path}", key=self._token(by), **kwargs)

    def _token(self, by: Membership | str) -> str:
        if isinstance(by, str):
            return by
        if by.pk not in self._tokens:
            self._tokens[by.pk] = log_in(by).access
        return self._tokens[by.pk]


@pytest.fixture
def desk(db: None) -> Desk:
    return Desk()


def fields_of(answer: Answer) -> list[tuple[str, str]]:
    return [(each["field"], each["type"]) for each in answer.json()["details"]]


# ---------------------------------------------------------------- create


def test_create_answers_the_secret_once(desk, user):
    end = (timezone.now() + timedelta(days=90)).replace(microsecond=0)

    answer = desk(
        "POST",
        "keys",
        user,
        body={
            "name": "ci-main",
            "role": "viewer",
            "expires_at": end.isoformat(),
            "limits": {"default": "10/m"},
            "models": ["fast"],
            "budget": {"amount": 25, "period": "day"},
            "cache_seconds": 90,
            "addresses": ["192.0.2.0/24"],
            "prefix": "aqe_",
        },
    )

    body = answer.json()
    secret, key = body.pop("key"), ApiKey.objects.get()
    assert (answer.status, answer.headers["etag"]) == (201, '"r1"')
    assert secret.startswith("aqe_")
    assert identity_of_key(secret).credential.id == body["id"]
    created_at = body.pop("created_at")
    assert created_at.endswith("Z")
    assert body == {
        "id": key.public_id,
        "name": "ci-main",
        "prefix": "aqe_",
        "hint": secret[-4:],
        "role": "viewer",
        "approver": False,
        "owner": {"id": user.user.public_id, "name": user.user.name},
        "state": "active",
        "limits": {"default": "10/m"},
        "addresses": ["192.0.2.0/24"],
        "models": ["fast"],
        "budget": {"amount": 25.0, "period": "day"},
        "cache_seconds": 90,
        "expires_at": end.isoformat().replace("+00:00", "Z"),
        "last_used_at": None,
        "revoked_at": None,
        "revision": 1,
    }
    for path in ("keys", f"keys/{key.public_id}"):
        assert secret not in desk("GET", path, user).body.decode()


def test_replayed_create_leaves_the_secret_out(desk, user):
    ask = {"body": {"name": "n", "role": "user"}, "headers": {"Idempotency-Key": "once"}}

    first, again = (desk("POST", "keys", user, **ask) for _ in range(2))

    assert (first.status, again.status) == (201, 201)
    assert first.json()["key"].startswith("ltb_")
    assert again.json() == {**first.json(), "key": None}
    assert again.headers["idempotency-replayed"] == "true"
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, [("name", "required"), ("role", "required")]),
        ({"name": "", "role": "user"}, [("name", "blank")]),
        ({"name": "a" * 256, "role": "user"}, [("name", "max_length")]),
        ({"name": None, "role": "user"}, [("name", "null")]),
        ({"name": 7, "role": "user"}, [("name", "type")]),
        ({"name": "n", "role": "root"}, [("role", "invalid_choice")]),
        ({"name": "n", "role": "user", "nmae": 1}, [("nmae", "unknown_field")]),
        ({"name": "n", "role": "admin"}, [("role", "role")]),
        ({"name": "n", "role": "user", "approver": True}, [("approver", "approver")]),
        ({"name": "n", "role": "user", "approver": "yes"}, [("approver", "invalid")]),
        ({"name": "n", "role": "user", "prefix": "sk_"}, [("prefix", "choice")]),
        ({"name": "n", "role": "user", "expires_at": "soon"}, [("expires_at", "invalid")]),
        (
            {"name": "n", "role": "user", "expires_at": "2020-01-01T00:00:00Z"},
            [("expires_at", "past")],
        ),
        (
            {"name": "n", "role": "user", "limits": {"default": "x", "sms": "1/m"}},
            [("limits.default", "rate"), ("limits.sms", "choice")],
        ),
        ({"name": "n", "role": "user", "limits": {"all": "999/s"}}, [("limits.all", "bound")]),
        ({"name": "n", "role": "user", "limits": []}, [("limits", "not_a_dict")]),
        ({"name": "n", "role": "user", "addresses": ["x"]}, [("addresses.0", "invalid")]),
        ({"name": "n", "role": "user", "models": [7]}, [("models.0", "type")]),
        (
            {"name": "n", "role": "user", "budget": {"amount": 0, "period": "week"}},
            [("budget.amount", "min_value"), ("budget.period", "choice")],
        ),
    ],
)
def test_create_names_the_wrong_fields(desk, user, body, fields):
    answer = desk("POST", "keys", user, body=body)

    assert (answer.status, answer.error) == (422, "validation_error")
    assert sorted(fields_of(answer)) == sorted(fields)
    assert ApiKey.objects.count() == 0


def test_create_for_another_is_the_admins(desk, organization, admin, user, stranger):
    account = make_service_account(organization)
    ask = {"name": "n", "role": "viewer"}

    def make(by: Membership, owner: str) -> Answer:
        return desk("POST", "keys", by, body={**ask, "owner": owner})

    assert make(user, admin.user.public_id).status == 403
    made = make(admin, account.public_id)
    assert (made.status, made.json()["owner"]) == (
        201,
        {"id": account.public_id, "name": account.name},
    )
    assert make(admin, user.user.public_id).json()["owner"]["id"] == user.user.public_id
    assert make(admin, stranger.user.public_id).status == 404
    assert make(admin, make_service_account(stranger.organization).public_id).status == 404


# ---------------------------------------------------------------- read


def test_list_shows_the_organizations_keys_alone(desk, organization, user, admin, stranger):
    first, second = make_key(user, name="one"), make_key(admin, name="two")
    make_key(stranger, name="theirs")

    answer = desk("GET", "keys", make_member(organization, Role.VIEWER))

    body = answer.json()
    assert answer.status == 200
    assert [row["id"] for row in body["data"]] == [second.key.public_id, first.key.public_id]
    assert body["meta"] == {"page": 1, "limit": 20, "total": 2, "total_pages": 1}
    assert all("key" not in row for row in body["data"])


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("state=active", ["ci main", "mine"]),
        ("state=expired", ["old"]),
        ("state=revoked", ["gone"]),
        ("role=viewer", ["mine"]),
        ("q=CI", ["ci main"]),
        ("q=%25", []),
        ("state=active&q=min", ["mine"]),
        ("ordering=name", ["ci main", "gone", "mine", "old"]),
        ("ordering=-name&limit=1", ["old"]),
        ("limit=1&page=4", ["mine"]),
    ],
)
def test_list_filters_and_orders(desk, user, admin, query, names):
    make_key(user, Role.VIEWER, name="mine")
    revoked = make_key(admin, name="gone").key
    expired = make_key(admin, name="old").key
    make_key(admin, name="ci main")
    ApiKey.objects.filter(pk=revoked.pk).update(revoked_at=timezone.now())
    ApiKey.objects.filter(pk=expired.pk).update(expires_at=timezone.now())

    answer = desk("GET", f"keys?{query}", user)

    found = [row["name"] for row in answer.json()["data"]]
    assert (found if "ordering" in query or "page" in query else sorted(found)) == names


def test_list_filters_by_owner(desk, organization, user, admin, stranger):
    account = make_service_account(organization)
    mine, programs = make_key(user), make_key(account, Role.SERVICE)
    make_key(stranger)

    def owned(owner: str) -> list[str]:
        return [row["id"] for row in desk("GET", f"keys?owner={owner}", user).json()["data"]]

    assert owned(user.user.public_id) == [mine.key.public_id]
    assert owned(account.public_id) == [programs.key.public_id]
    assert owned(stranger.user.public_id) == []
    assert desk("GET", "keys?owner=nobody", user).status == 422


@pytest.mark.parametrize(
    "query", ["state=asleep", "role=root", "ordering=digest", "page=0", "limit=201", "page=9" * 9]
)
def test_list_refuses_a_wrong_query(desk, user, query):
    answer = desk("GET", f"keys?{query}", user)

    assert (answer.status, answer.error) == (422, "validation_error")


def test_list_costs_the_same_for_one_row_and_three(desk, user, admin):
    costs = []
    for count in (1, 2):
        for _ in range(count):
            make_key(user)
        desk("GET", "keys", admin)
        with CaptureQueriesContext(connection) as queries:
            desk("GET", "keys", admin)
        costs.append(len(queries))

    assert costs[0] == costs[1]


def test_retrieve_answers_an_etag_to_come_back_with(desk, user):
    key = make_key(user).key

    first = desk("GET", f"keys/{key.public_id}", user)
    known = {"If-None-Match": first.headers["etag"]}
    again = desk("GET", f"keys/{key.public_id}", user, headers=known)
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=timezone.now())  # which is no revision
    used = desk("GET", f"keys/{key.public_id}", user, headers=known)

    assert (first.status, first.json()["id"], first.json()["last_used_at"]) == (
        200,
        key.public_id,
        None,
    )
    assert first.headers["etag"].startswith('"r1-')
    assert (again.status, again.body) == (304, b"")
    assert (used.status, used.json()["last_used_at"] is None) == (200, False)


# ---------------------------------------------------------------- change


def test_update_changes_and_counts(desk, user):
    key = make_key(user, models=["fast"]).key

    answer = desk(
        "PATCH",
        f"keys/{key.public_id}",
        user,
        body={"name": "new", "models": None},
        headers={"If-Match": '"r1"'},
    )

    assert (answer.status, answer.headers["etag"]) == (200, '"r2"')
    assert {name: answer.json()[name] for name in ("name", "models", "revision")} == {
        "name": "new",
        "models": None,
        "revision": 2,
    }


def test_update_of_an_older_revision_is_refused(desk, user):
    key = make_key(user).key
    path = f"keys/{key.public_id}"
    desk("PATCH", path, user, body={"name": "new"})

    answer = desk("PATCH", path, user, body={"name": "newer"}, headers={"If-Match": '"r1"'})

    assert (answer.status, answer.error) == (412, "stale")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"role": "admin"}, "role"),
        ({"owner": "user_1"}, "owner"),
        ({"key": "x"}, "key"),
    ],
)
def test_update_refuses_what_cannot_be_changed(desk, user, body, field):
    key = make_key(user).key

    answer = desk("PATCH", f"keys/{key.public_id}", user, body=body)

    assert (answer.status, [name for name, _ in fields_of(answer)]) == (422, [field])


def test_rotate_answers_the_new_secret_and_keeps_the_old_for_the_grace(desk, user):
    issued = make_key(user)

    answer = desk("POST", f"keys/{issued.key.public_id}/rotate", user, body={"grace_seconds": 60})

    secret = answer.json()["key"]
    assert (answer.status, answer.json()["hint"]) == (200, secret[-4:])
    assert [desk("GET", "auth/me", by).status for by in (secret, issued.secret)] == [200, 200]


def test_rotate_without_a_body_leaves_no_grace(desk, user):
    issued = make_key(user)
    assert desk("GET", "auth/me", issued.secret).status == 200

    answer = desk("POST", f"keys/{issued.key.public_id}/rotate", user)

    assert answer.status == 200
    assert desk("GET", "auth/me", issued.secret).status == 401
    assert desk("GET", "auth/me", answer.json()["key"]).status == 200


def test_replayed_rotation_leaves_the_secret_out_and_rotates_once(desk, user):
    issued = make_key(user)
    path, headers = f"keys/{issued.key.public_id}/rotate", {"Idempotency-Key": "once"}

    first, again = (desk("POST", path, user, body={}, headers=headers) for _ in range(2))

    assert again.json() == {**first.json(), "key": None}
    assert ApiKey.objects.get().revision == 2


@pytest.mark.parametrize("grace", [-1, 2_592_001, "60", True, 1.5, None])
def test_rotate_refuses_a_grace(desk, user, grace):
    issued = make_key(user)

    answer = desk(
        "POST", f"keys/{issued.key.public_id}/rotate", user, body={"grace_seconds": grace}
    )

    assert (answer.status, [name for name, _ in fields_of(answer)]) == (422, ["grace_seconds"])


def test_revoked_key_is_refused_at_its_next_call(desk, user):
    issued = make_key(user)
    assert desk("GET", "auth/me", issued.secret).status == 200

    answer = desk("DELETE", f"keys/{issued.key.public_id}", user)

    assert (answer.status, answer.body) == (204, b"")
    after = desk("GET", "auth/me", issued.secret)
    assert (after.status, after.error) == (401, "key_revoked")
    assert desk("DELETE", f"keys/{issued.key.public_id}", user).status == 204
    for verb, path, body in (("PATCH", "", {"name": "n"}), ("POST", "/rotate", {})):
        again = desk(verb, f"keys/{issued.key.public_id}{path}", user, body=body)
        assert (again.status, again.error) == (409, "key_revoked")


def test_key_may_revoke_itself(desk, user):
    issued = make_key(user)

    assert desk("DELETE", f"keys/{issued.key.public_id}", issued.secret).status == 204
    assert desk("GET", "auth/me", issued.secret).status == 401


# ---------------------------------------------------------------- the way in


def test_key_is_taken_from_either_header_and_never_from_two(desk, user):
    client, secret, other = GateClient(), make_key(user).secret, make_key(user).secret

    def me(**headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.get("/api/v1/auth/me", headers=sent)

    assert me(Authorization=f"Bearer {secret}").status == 200
    assert me(X_API_Key=secret).status == 200
    assert me(Authorization=f"Bearer {secret}", X_API_Key=secret).status == 200
    both = me(Authorization=f"Bearer {secret}", X_API_Key=other)
    assert (both.status, both.error) == (400, "two_credentials")


def test_address_list_holds_at_every_call(desk, user):
    secret = make_key(user, addresses=["10.0.0.0/8", "2001:db8::/32"]).secret

    def status(address: str, **headers: str) -> int:
        client = GateClient(address=address)
        return client.get("/api/v1/auth/me", key=secret, headers=headers).status

    assert [status(each) for each in ("10.9.8.7", "2001:db8::1")] == [200, 200]
    assert [status(each) for each in ("192.0.2.1", "2001:db9::1")] == [403, 403]
    assert status("192.0.2.1", **{"X-Forwarded-For": "10.0.0.1"}) == 403


def test_keys_own_limit_counts_for_the_key_whatever_carries_it(user):
    secret = make_key(user, limits={"all": "2/m"}).secret
    client = GateClient()

    answers = [
        client.get("/api/v1/keys", key=secret),
        client.get("/api/v1/keys/", headers={"X-API-Key": secret}),
        client.get("/api/v1/keys", key=secret, headers={"X-Forwarded-For": "203.0.113.9"}),
    ]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[2].headers["x-ratelimit-limit"] == "2"


def test_expired_key_says_so_and_an_unknown_one_nothing(desk, user):
    issued = make_key(user)
    ApiKey.objects.update(expires_at=timezone.now())

    expired = desk("GET", "keys", issued.secret)
    unknown = desk("GET", "keys", issued.secret[:-4] + "aaaa")

    assert (expired.status, expired.error) == (401, "key_expired")
    assert (unknown.status, unknown.error) == (401, Unauthenticated.code)


ROUTES = [
    ("GET", "keys", None),
    ("POST", "keys", {"name": "n", "role": "viewer"}),
    ("GET", "keys/{id}", None),
    ("PATCH", "keys/{id}", {"name": "new"}),
    ("DELETE", "keys/{id}", None),
    ("POST", "keys/{id}/rotate", {}),
]


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
def test_nobody_comes_in_without_a_credential(user, method, path, body):
    key = make_key(user).key

    answer = GateClient().call(method, f"/api/v1/{path.format(id=key.public_id)}", body=body)

    assert (answer.status, answer.error) == (401, "unauthenticated")


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
def test_viewers_and_programs_read_alone(desk, organization, user, method, path, body):
    key = make_key(user).key
    program = make_key(make_service_account(organization), Role.SERVICE).secret
    viewer = make_member(organization, Role.VIEWER)

    for by in (viewer, program):
        answer = desk(method, path.format(id=key.public_id), by, body=body)
        assert answer.status == (200 if method == "GET" else 403)
    key.refresh_from_db()
    assert key.revision == 1


@pytest.mark.parametrize(("method", "path", "body"), ROUTES[2:])
def test_key_of_another_organization_is_not_there(desk, admin, stranger, method, path, body):
    theirs = make_key(stranger).key

    for key_id in (theirs.public_id, "key_" + "0" * 32, "key_1", "1", "%00"):
        answer = desk(method, path.format(id=key_id), admin, body=body)
        assert answer.status in ((404,) if key_id != "%00" else (400, 404))


@pytest.mark.parametrize(("method", "path", "body"), ROUTES[3:])
def test_other_peoples_keys_are_not_a_users_to_manage(desk, admin, user, method, path, body):
    key = make_key(admin, Role.VIEWER).key

    answer = desk(method, path.format(id=key.public_id), user, body=body)

    assert (answer.status, answer.error) == (403, "permission_denied")
