"""Passwords are hashed by argon2id at our own costs."""

from __future__ import annotations

from apps.core.hashers import HouseArgon2Hasher


def test_encode_names_argon2id_and_its_costs() -> None:
    hasher = HouseArgon2Hasher()

    encoded = hasher.encode("correct horse", hasher.salt())

    assert encoded.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert hasher.verify("correct horse", encoded) is True
    assert hasher.verify("wrong horse", encoded) is False
