"""Secrets and personal data, found by their looks; what merely resembles them is left alone."""

from __future__ import annotations

import time

import pytest

from apps.core.errors import Invalid
from apps.providers.domain.guardrails.redact import KINDS, make
from apps.providers.errors import GuardrailRefused


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail jo.doe+x@mail.example.com now", "mail [email] now"),
        ("card 4111 1111 1111 1111.", "card [card]."),
        ("card 4111-1111-1111-1111", "card [card]"),
        ("IBAN DE89 3704 0044 0532 0130 00 please", "IBAN [iban] please"),
        ("call +49 170 123 4567 today", "call [phone] today"),
        ("ssn 078-05-1120", "ssn [ssn]"),
        ("key sk-abcdefghijklmnop1234 leaked", "key [secret] leaked"),
        ("AKIAIOSFODNN7EXAMPLE", "[secret]"),
        ("token ghp_abcdefghijklmnopqrstuvwxyz0123456789", "token [secret]"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc=\n-----END RSA PRIVATE KEY-----\nbye",
            "[secret]\nbye",
        ),
    ],
)
def test_check_masks_what_it_finds(text: str, expected: str) -> None:
    assert make({}).check(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "order 4111 1111 1111 1112",
        "version 1.2.3, 2026-01-15T10:30:00Z, 100,000",
        "DE00 3704 0044 0532 0130 00",
        "a@b",
        "sk-short",
        "the number 123456789",
    ],
)
def test_check_leaves_what_merely_resembles(text: str) -> None:
    assert make({}).check(text) == text


def test_check_looks_for_the_kinds_that_are_named() -> None:
    text = "jo@example.com +49 170 123 4567"

    assert make({"kinds": ["phone"]}).check(text) == "jo@example.com [phone]"


def test_check_when_told_to_refuse_says_what_and_not_which() -> None:
    with pytest.raises(GuardrailRefused) as raised:
        make({"action": "refuse"}).check("write to jo@example.com")

    assert raised.value.message == "The text holds what looks like an e-mail address."


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"kinds": ["poetry"]}, "kinds"),
        ({"kinds": []}, "kinds"),
        ({"kinds": "email"}, "kinds"),
        ({"action": "shout"}, "action"),
        ({"on": ["answers"]}, "on"),
        ({"words": ["x"]}, "words"),
    ],
)
def test_make_when_an_option_is_wrong_names_it(options: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as raised:
        make(options)

    assert [f.field for f in raised.value.fields] == [field]


@pytest.mark.parametrize(
    "text",
    [
        "a" * 100_000 + "@",
        "1 " * 100_000,
        "@".join("a.b-c" for _ in range(30_000)),
        "sk-" * 50_000,
        "eyJ" + "a." * 60_000,
        "-----BEGIN " * 20_000,
        "+1" * 60_000,
        "DE89 " * 40_000,
    ],
)
def test_check_takes_time_in_proportion_to_the_text(text: str) -> None:
    began = time.process_time()

    make({"kinds": list(KINDS)}).check(text)

    assert time.process_time() - began < 2
