from __future__ import annotations

import bcrypt
import pytest

from apps.keys.domain import secrets
from apps.keys.domain.secrets import Kept, Proofs

pytestmark = pytest.mark.unit

PEPPER = "a pepper"


def test_new_secret_is_prefix_and_256_bits():
    secret = secrets.new_secret("ltb_")

    assert secret[:4] == "ltb_"
    assert len(secret) == 4 + 43
    assert secrets.looks_like_key(secret)
    assert secrets.new_secret("ltb_") != secret


def test_lookup_of_is_no_part_of_the_key():
    secret = secrets.new_secret("ltb_")

    kept = secrets.keep(secret, scheme="hmac", pepper=PEPPER)

    assert kept.lookup == secrets.lookup_of(secrets.fingerprint(secret, PEPPER))
    assert len(kept.lookup) == 16
    assert kept.lookup not in secret


@pytest.mark.parametrize(
    "token",
    [
        "",
        "ltb_",
        "ltb_short",
        "ltb_" + "a" * 42,
        "ltb_" + "a" * 44,
        "LTB_" + "a" * 43,
        "a" * 47,
        "ltb_" + "a" * 42 + "\x00",
        "ltb_" + "a" * 42 + "é",
        "ltb_" + "a" * 42 + "\n",
        "header.payload.signature",
    ],
)
def test_looks_like_key_refuses(token):
    assert secrets.looks_like_key(token) is False


def test_keep_under_hmac_keeps_no_secret():
    secret = secrets.new_secret("ltb_")

    kept = secrets.keep(secret, scheme="hmac", pepper=PEPPER)

    digest = secrets.fingerprint(secret, PEPPER)
    assert kept == Kept(digest[:16], "hmac", digest)
    assert secret[4:12] not in repr(kept)


def test_fingerprint_depends_on_the_pepper():
    secret = secrets.new_secret("ltb_")

    assert secrets.fingerprint(secret, "one") != secrets.fingerprint(secret, "two")


@pytest.mark.parametrize("scheme", ["hmac", "bcrypt"])
def test_matches_the_secret_that_was_kept_and_no_other(scheme, monkeypatch):
    monkeypatch.setattr(secrets, "BCRYPT_COST", 4)
    secret, other = secrets.new_secret("ltb_"), secrets.new_secret("ltb_")
    kept = secrets.keep(secret, scheme=scheme, pepper=PEPPER)

    assert secrets.matches(secrets.fingerprint(secret, PEPPER), kept, Proofs()) is True
    assert secrets.matches(secrets.fingerprint(other, PEPPER), kept, Proofs()) is False


def test_keep_under_bcrypt_costs_twelve_rounds_by_default():
    kept = secrets.keep(secrets.new_secret("ltb_"), scheme="bcrypt", pepper=PEPPER)

    assert kept.digest.startswith("$2b$12$") is (secrets.BCRYPT_COST == 12)
    assert secrets.BCRYPT_COST in (4, 12)  # 4 by this folder's conftest


def test_matches_pays_for_bcrypt_once(monkeypatch):
    paid = []
    check = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", lambda *args: paid.append(1) or check(*args))
    secret, wrong = secrets.new_secret("ltb_"), secrets.new_secret("ltb_")
    kept, proofs = secrets.keep(secret, scheme="bcrypt", pepper=PEPPER), Proofs()

    for _ in range(3):
        assert secrets.matches(secrets.fingerprint(secret, PEPPER), kept, proofs)
    assert len(paid) == 1

    assert not secrets.matches(secrets.fingerprint(wrong, PEPPER), kept, proofs)
    assert len(paid) == 2


def test_proofs_forget_the_oldest():
    proofs = Proofs(capacity=2)
    for name in ("one", "two", "three"):
        proofs.add(name, "digest")

    assert [proofs.holds(name, "digest") for name in ("one", "two", "three")] == [False, True, True]


def test_proofs_hold_for_one_digest_only():
    proofs = Proofs()
    proofs.add("one", "digest")

    assert proofs.holds("one", "another") is False
