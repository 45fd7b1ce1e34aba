from __future__ import annotations

import contextlib
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher

from apps.core.errors import Limited
from apps.core.limits.errors import LimitStoreUnavailable
from apps.core.limits.factory import set_store
from apps.core.limits.memory import MemoryLimitStore
from apps.tenants.domain.visit import Visit
from apps.tenants.errors import BadCredentials
from apps.tenants.services import attempts
from tests.factories.tenants import PASSWORD, make_user

pytestmark = pytest.mark.django_db


def attempt(email: str, password: str = PASSWORD, address: str = "192.0.2.1") -> attempts.Verified:
    return attempts.verify_password(email=email, password=password, visit=Visit(address=address))


def fail(email: str, address: str) -> float:
    with pytest.raises(BadCredentials) as caught:
        attempt(email, "wrong", address)
    pause: float = caught.value.data["answer_after"]
    return pause


def test_verify_password_lets_five_a_minute_in_and_no_more() -> None:
    user = make_user()

    for _ in range(5):
        assert attempt(user.email).user == user
    with pytest.raises(Limited) as caught:
        attempt(user.email)

    assert 55 <= caught.value.retry_after <= 60


def test_verify_password_counts_right_after_wrong() -> None:
    user = make_user()
    for _ in range(5):
        fail(user.email, "192.0.2.1")

    with pytest.raises(Limited):
        attempt(user.email)


def test_verify_password_counts_one_account_under_any_spelling() -> None:
    user = make_user(email="ada@example.com")
    for spelling in (
        "ada@example.com",
        "ADA@example.com",
        " ada@Example.com ",
        "Ada@example.com",
        "ada@example.com",
    ):
        attempt(spelling)

    with pytest.raises(Limited):
        attempt(user.email.upper())


def test_verify_password_counts_a_whole_ipv6_home_as_one() -> None:
    user = make_user()
    for host in range(5):
        attempt(user.email, address=f"2001:db8::{host:x}")

    with pytest.raises(Limited):
        attempt(user.email, address="2001:db8::ffff")


def test_verify_password_lets_the_owner_in_while_others_try() -> None:
    user = make_user()
    for attacker in range(10):
        for _ in range(5):
            fail(user.email, f"198.51.100.{attacker}")

    verified = attempt(user.email, address="192.0.2.1")

    assert (verified.user, verified.pause) == (user, 2.0)


def test_verify_password_counts_an_address_over_all_accounts() -> None:
    for number in range(30):
        fail(f"nobody{number}@example.com", "192.0.2.1")

    with pytest.raises(Limited):
        attempt("nobody30@example.com")
    fail("nobody31@example.com", "192.0.2.2")


def test_verify_password_waits_longer_and_longer_from_wherever_it_is_tried() -> None:
    user = make_user()

    pauses = [fail(user.email, f"198.51.100.{number}") for number in range(8)]

    assert pauses == [0, 0, 0, 0.25, 0.5, 1.0, 2.0, 2.0]


def test_verify_password_makes_unknown_accounts_wait_alike() -> None:
    user = make_user()

    known = [fail(user.email, f"198.51.100.{number}") for number in range(6)]
    unknown = [fail("nobody@example.com", f"198.51.100.{number}") for number in range(6)]

    assert known == unknown


def test_verify_password_never_makes_a_first_failure_wait() -> None:
    user = make_user()

    assert fail(user.email, "192.0.2.1") == 0


def test_verify_password_fails_closed_without_its_store() -> None:
    class Away(MemoryLimitStore):
        def hit_now(self, checks: Any) -> Any:
            raise LimitStoreUnavailable

    user = make_user()
    set_store(Away())

    with pytest.raises(LimitStoreUnavailable):
        attempt(user.email)


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for each computation of a password's hash."""
    computed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: MD5PasswordHasher, password: str, salt: str) -> str:
        computed.append(salt)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    return computed


@pytest.mark.parametrize("who", ["right", "wrong", "unknown", "switched_off", "without_password"])
def test_verify_password_computes_one_hash_whoever_asks(who: str, hashes: list[str]) -> None:
    user = make_user(is_active=who != "switched_off")
    if who == "without_password":
        user.set_unusable_password()
        user.save()
    email = "nobody@example.com" if who == "unknown" else user.email
    hashes.clear()

    with contextlib.suppress(BadCredentials):
        attempt(email, "wrong" if who == "wrong" else PASSWORD)

    assert len(hashes) == 1


@pytest.mark.parametrize("who", ["wrong", "unknown", "switched_off"])
def test_verify_password_takes_one_query_whoever_asks(
    who: str, django_assert_num_queries: Any
) -> None:
    user = make_user(is_active=who != "switched_off")
    email = "nobody@example.com" if who == "unknown" else user.email

    with django_assert_num_queries(1), pytest.raises(BadCredentials):
        attempt(email, "wrong" if who == "wrong" else PASSWORD)
