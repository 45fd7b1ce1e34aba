"""Who comes in: credentials, permissions, limits, addresses."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pytest

from apps.core.actor import Identity
from apps.core.limits.errors import LimitStoreUnavailable
from apps.core.limits.memory import MemoryLimitStore
from apps.core.limits.rates import parse_rate
from tests.client import Answer, GateClient
from tests.factories.doors import KnownTokens

LIMITS = ("x-ratelimit-limit", "x-ratelimit-remaining")


def limits_of(answer: Answer) -> tuple[str | None, ...]:
    return tuple(answer.headers.get(name) for name in LIMITS)


# ------------------------------------------------------------------ credentials


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer ada"},
        {"Authorization": "bearer   ada "},
        {"X-API-Key": "ada"},
        {"X-API-Key": " ada "},
        {"Authorization": "Bearer ada", "X-API-Key": "ada"},
        {"Authorization": "", "X-API-Key": "ada"},
        {"Authorization": "Basic YWRhOmFkYQ=="},  # ada:ada, the password is the key
    ],
)
def test_a_credential_comes_by_either_header(
    client: GateClient, ada: Identity, headers: dict[str, str]
) -> None:
    answer = client.get("/api/v1/used", headers=headers)

    assert (answer.status, answer.json()["actor"]) == (200, ada.principal)
    assert answer.json()["organization"] == ada.organization_id


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer bob"},
        {"Authorization": "ada"},
        {"Authorization": "Basic YWRh"},
        {"Authorization": "Basic YWRhOmJvYg=="},
        {"Authorization": "Basic ===="},
        {"Authorization": 'Digest username="ada", realm="x"'},
        {"Authorization": "Bearer " + "a" * 5000},
        {"Authorization": "Bearer \xff"},
        {"X-API-Key": ""},
        {"X-API-Key": "  "},
        {"X-API-Key": "bob"},
        {"X_API_Key": "ada"},
    ],
)
def test_no_good_credential_is_unauthenticated(
    client: GateClient, ada: Identity, headers: dict[str, str]
) -> None:
    answer = client.get("/api/v1/used", headers=headers)

    assert (answer.status, answer.error) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == 'Bearer realm="signalbox"'
    assert limits_of(answer) == ("100", "99")


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", "Bearer ada"), ("X-API-Key", "bob")],
        [("Authorization", "Bearer ada"), ("Authorization", "Bearer bob")],
        [("Authorization", "Bearer ada"), ("Authorization", "Bearer ada")],
        [("X-API-Key", "ada"), ("X-API-Key", "bob")],
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/used", "/echo"])
def test_two_credentials_are_never_chosen_between(
    client: GateClient, ada: Identity, headers: list[tuple[str, str]], path: str
) -> None:
    answer = client.get(path, headers=headers)

    assert (answer.status, answer.error) == (400, "two_credentials")


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer bob"}, {"Authorization": "Basic x"}])
def test_a_bad_credential_is_ignored_on_a_public_door(
    client: GateClient, ada: Identity, headers: dict[str, str]
) -> None:
    answer = client.get("/echo", headers=headers)

    assert (answer.status, answer.json()["actor"], answer.json()["organization"]) == (
        200,
        None,
        None,
    )


def test_a_good_credential_counts_on_a_public_door(client: GateClient, ada: Identity) -> None:
    assert client.get("/echo", key="ada").json()["actor"] == ada.principal


def test_an_expired_identity_is_unauthenticated(
    client: GateClient, ada: Identity, tokens: KnownTokens
) -> None:
    tokens.identities["old"] = replace(ada, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    tokens.identities["new"] = replace(ada, expires_at=datetime.now(UTC) + timedelta(hours=1))

    answer = client.get("/api/v1/used", key="old")

    assert (answer.status, answer.error) == (401, "key_expired")
    assert client.get("/api/v1/used", key="new").status == 200


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("192.0.2.7", 200),
        ("::ffff:192.0.2.7", 200),
        ("192.0.3.7", 403),
        ("2001:db8::1", 200),
        ("2001:db9::1", 403),
        ("", 403),
        ("unix:", 403),
    ],
)
def test_a_key_works_from_its_addresses_alone(
    client: GateClient, ada: Identity, tokens: KnownTokens, address: str, status: int
) -> None:
    tokens.identities["bound"] = replace(
        ada, addresses=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))
    )

    answer = GateClient(address=address).get("/api/v1/used", key="bound")

    assert answer.status == status
    if status == 403:
        assert answer.error == "address_not_allowed"


# ------------------------------------------------------------------ permissions


def test_a_door_asks_for_its_permission(client: GateClient, ada: Identity) -> None:
    answer = client.get("/api/v1/ruled", key="ada")

    assert (answer.status, answer.error) == (403, "permission_denied")
    assert answer.json()["message"] == "This needs the permission tried.thing.rule."


def test_a_door_for_everybody_signed_in_asks_for_a_credential_alone(
    client: GateClient, ada: Identity, tokens: KnownTokens
) -> None:
    tokens.identities["nobody"] = replace(ada, permissions=frozenset())

    assert client.get("/api/v1/signed-in").status == 401
    assert client.get("/api/v1/signed-in", key="nobody").status == 200


def test_a_request_is_outside_unless_it_is_admitted(client: GateClient, ada: Identity) -> None:
    assert client.get("/echo").json()["organization"] is None
    assert client.get("/echo-in-pool").json()["organization"] is None
    assert client.get("/echo-in-pool", key="ada").json()["organization"] == ada.organization_id


# ------------------------------------------------------------------ limits


def test_a_limited_answer_tells_where_the_caller_stands(client: GateClient, ada: Identity) -> None:
    first = client.get("/api/v1/used", key="ada")
    second = client.post("/api/v1/used-in-pool", {}, key="ada")

    assert (limits_of(first), limits_of(second)) == (("100", "99"), ("100", "98"))
    assert int(first.headers["x-ratelimit-reset"]) > datetime.now(UTC).timestamp() - 1


def test_over_the_limit_is_refused_with_the_time_to_wait(
    client: GateClient, ada: Identity, tokens: KnownTokens
) -> None:
    tokens.identities["slow"] = replace(ada, limits={"default": parse_rate("2/m")})

    statuses = [client.get("/api/v1/used", key="slow").status for _ in range(3)]
    answer = client.get("/api/v1/used", key="slow")

    assert statuses == [200, 200, 429]
    assert answer.error == "rate_limited"
    assert limits_of(answer) == ("2", "0")
    assert 59 <= int(answer.headers["retry-after"]) <= 66  # a little more for those who hammer
    assert "," not in answer.headers["retry-after"]


def test_refused_calls_count_too(client: GateClient, ada: Identity, tokens: KnownTokens) -> None:
    """Else a key without the permission could ask for ever."""
    tokens.identities["slow"] = replace(ada, limits={"default": parse_rate("2/m")})

    assert [client.get("/api/v1/ruled", key="slow").status for _ in range(3)] == [403, 403, 429]


def test_every_key_has_its_own_count(
    client: GateClient, ada: Identity, tokens: KnownTokens
) -> None:
    tokens.identities["bob"] = replace(
        ada, principal="user_bob", credential=replace(ada.credential, id="key_bob")
    )
    client.get("/api/v1/used", key="ada")

    assert limits_of(client.get("/api/v1/used", key="bob")) == ("100", "99")


def test_a_door_that_admits_itself_is_left_to_it(client: GateClient, ada: Identity) -> None:
    assert limits_of(client.get("/admits-itself", key="ada")) == (None, None)


def test_known_callers_read_on_while_the_store_is_away(
    client: GateClient, ada: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise LimitStoreUnavailable

    monkeypatch.setattr(MemoryLimitStore, "hit", away)

    read = client.get("/api/v1/used", key="ada")
    written = client.post("/api/v1/used", {}, key="ada")
    stranger = client.get("/api/v1/used")

    assert (read.status, limits_of(read)) == (200, (None, None))
    assert (written.status, written.error) == (503, "limiter_unavailable")
    assert (stranger.status, stranger.error) == (503, "limiter_unavailable")


def test_doors_without_a_limit_count_nothing(client: GateClient) -> None:
    assert limits_of(client.get("/echo")) == (None, None)


@pytest.mark.parametrize("path", ["/api/v1/used", "/counted"])
def test_strangers_are_counted_by_address(client: GateClient, settings: Any, path: str) -> None:
    settings.SIGNALBOX_ANONYMOUS_RATES = (parse_rate("2/m"), parse_rate("10/h"))
    expected = 401 if path == "/api/v1/used" else 200

    here = [GateClient(address="192.0.2.1").get(path).status for _ in range(3)]
    there = GateClient(address="192.0.2.2").get(path)

    assert (here, there.status) == ([expected, expected, 429], expected)


def test_strangers_of_one_home_are_counted_together(client: GateClient, settings: Any) -> None:
    settings.SIGNALBOX_ANONYMOUS_RATES = (parse_rate("2/m"),)

    home = [GateClient(address=f"2001:db8:1:2::{n}").get("/counted").status for n in range(3)]
    next_door = GateClient(address="2001:db8:1:3::1").get("/counted").status

    assert (home, next_door) == ([200, 200, 429], 200)


def test_probing_for_keys_is_counted_by_address(
    client: GateClient, ada: Identity, settings: Any
) -> None:
    settings.SIGNALBOX_ANONYMOUS_RATES = (parse_rate("3/m"),)

    statuses = [client.get("/api/v1/used", key=f"guess-{n}").status for n in range(4)]

    assert statuses == [401, 401, 401, 429]
    assert client.get("/api/v1/used", key="ada").status == 200


# ------------------------------------------------------------------ addresses


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "203.0.113.9", "192.0.2.1"),
        (1, None, "192.0.2.1"),
        (1, "", "192.0.2.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "10.0.0.1, 203.0.113.9", "203.0.113.9"),
        (1, "10.0.0.1,203.0.113.9 ", "203.0.113.9"),
        (1, "junk", "192.0.2.1"),
        (1, "203.0.113.9, ", "192.0.2.1"),
        (1, "203.0.113.9:5000", "192.0.2.1"),
        (1, "2001:DB8::1", "2001:db8::1"),
        (2, "203.0.113.9", "192.0.2.1"),
        (2, "6.6.6.6, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (2, "<script>, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
    ],
)
def test_an_address_is_read_behind_the_counted_proxies_alone(
    client: GateClient, settings: Any, proxies: int, forwarded: str | None, address: str
) -> None:
    settings.SIGNALBOX_TRUSTED_PROXIES = proxies

    answer = GateClient(address="192.0.2.1").get("/echo", headers={"X-Forwarded-For": forwarded})

    assert answer.json()["address"] == address


def test_a_repeated_header_is_one_chain(client: GateClient, settings: Any) -> None:
    settings.SIGNALBOX_TRUSTED_PROXIES = 1
    lies = [("X-Forwarded-For", "10.0.0.1"), ("X-Forwarded-For", "203.0.113.9")]

    assert client.get("/echo", headers=lies).json()["address"] == "203.0.113.9"


def test_other_headers_about_addresses_are_ignored(client: GateClient, settings: Any) -> None:
    settings.SIGNALBOX_TRUSTED_PROXIES = 1
    lies = dict.fromkeys(
        ("X-Real-IP", "Forwarded", "True-Client-IP", "CF-Connecting-IP", "X_Forwarded_For"),
        "203.0.113.9",
    )

    assert client.get("/echo", headers=lies).json()["address"] == "127.0.0.1"


def test_a_liar_cannot_leave_the_count(
    client: GateClient, settings: Any, empty_limits: MemoryLimitStore
) -> None:
    settings.SIGNALBOX_ANONYMOUS_RATES = (parse_rate("2/m"),)

    statuses = [
        client.get("/counted", headers={"X-Forwarded-For": f"10.0.0.{n}"}).status for n in range(3)
    ]

    assert statuses == [200, 200, 429]
