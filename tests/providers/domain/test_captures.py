"""What is kept of a call's words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from apps.providers.domain.calls import Call
from apps.providers.domain.captures import MOST_CHARACTERS, captured
from apps.providers.enums import Dialect, Operation

AT = datetime(2026, 3, 31, tzinfo=UTC)
MAIL = "ada@example.com"


def capture(body: dict[str, Any], answer: Any = None) -> dict[str, Any]:
    call = Call(Operation.CHAT, Dialect.OPENAI, "m", body)
    return captured(
        organization=1, request_id="req_1", key="", call=call, status="ok", answer=answer,
        is_cut=False, at=AT, expires_at=AT,
    )  # fmt: skip


def test_names_and_nested_texts_are_redacted() -> None:
    record = capture({"metadata": {MAIL: [f"to {MAIL}"]}, "n": 1, "api_key": "x"})

    assert record["request"] == {"metadata": {"[email]": ["to [email]"]}, "n": 1, "api_key": "***"}


def test_a_long_text_is_cut_and_says_so() -> None:
    record = capture({"prompt": "x" * (MOST_CHARACTERS * 2)}, {"text": "whole"})

    assert record["is_cut"] is True
    assert len(record["request"]["prompt"]) == MOST_CHARACTERS - len("prompt") - 8
    assert record["answer"] == {"text": "whole"}


def test_half_a_secret_at_the_cut_is_none() -> None:
    room = MOST_CHARACTERS - len("prompt") - 8
    secret = "ltb_" + "A" * 43

    record = capture({"prompt": " " * (room - 12) + secret})

    assert "ltb_" not in record["request"]["prompt"]


def test_many_small_things_are_bounded_too() -> None:
    record = capture({"input": list(range(1_000_000))})

    assert record["is_cut"] is True
    assert len(record["request"]["input"]) < MOST_CHARACTERS


def test_nul_is_nothing_a_database_keeps() -> None:
    assert capture({"prompt": "a\x00b"})["request"] == {"prompt": "a\ufffdb"}
