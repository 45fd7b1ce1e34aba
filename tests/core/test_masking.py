from __future__ import annotations

from datetime import UTC, datetime

import pytest

from apps.core.masking import is_secret_name, mask, mask_text

KEY = "ltb_" + "a1B2" * 11
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyXzEifQ.c2lnbmF0dXJl"

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "new_password",
        "passwordHash",
        "secret",
        "client_secret_id",
        "token",
        "refreshToken",
        "key",
        "api_key",
        "apiKey",
        "apikey",
        "Authorization",
        "X-API-Key",
        "signing-key",
        "pepper",
        "set_cookie",
    ],
)
def test_is_secret_name_true(name: str) -> None:
    assert is_secret_name(name) is True


@pytest.mark.parametrize(
    "name",
    [
        "name",
        "key_id",
        "token_type",
        "max_tokens",
        "prompt_tokens",
        "keys",
        "monkey_business",
        "",
        "role",
    ],
)
def test_is_secret_name_false(name: str) -> None:
    assert is_secret_name(name) is False


def test_mask_hides_values_by_name_at_every_depth() -> None:
    value = {"name": "ci", "password": "hunter2", "nested": [{"api_key": {"a": 1}, "limit": 5}]}

    masked = mask(value)

    assert masked == {"name": "ci", "password": "***", "nested": [{"api_key": "***", "limit": 5}]}


def test_mask_hides_what_looks_like_a_key_or_token_inside_text() -> None:
    text = f"use {KEY} or Bearer {JWT}, never sk-{'x' * 20}"

    masked = mask_text(text)

    assert masked == "use *** or Bearer ***, never ***"


def test_mask_leaves_ids_and_short_prefixes_alone() -> None:
    value = {
        "id": "key_0123456789abcdef0123456789abcdef",
        "prefix": "ltb_a1B2",
        "task": "task-aaaaaaaaaaaaaaaaaaaa",
    }

    assert mask(value) == value


def test_mask_says_whether_a_secret_was_set() -> None:
    assert mask({"password": None, "secret": "", "token": False}) == {
        "password": None,
        "secret": "",
        "token": False,
    }


def test_mask_makes_plain_values() -> None:
    moment = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)

    masked = mask({"at": moment, "roles": frozenset({"b", "a"}), "pair": (1, 2.5), 3: True})

    assert masked == {
        "at": "2026-01-15T10:30:00+00:00",
        "roles": ["a", "b"],
        "pair": [1, 2.5],
        "3": True,
    }
