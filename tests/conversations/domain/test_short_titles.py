from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.conversations.domain.short_titles import LONGEST_EXCERPT, request_for, title_of
from apps.core.text import is_misleading


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        ("Distant Signals", "Distant Signals"),
        ('"Distant Signals."', "Distant Signals"),
        ("Title: **Distant Signals**", "Distant Signals"),
        ("**Title: Distant Signals**", "Distant Signals"),
        ("\n\n# Distant signals\nand more", "Distant signals"),
        ("One two three four five six seven", "One two three four five"),
        ("<think>Hm.\nWhat now?</think>Signals", "Signals"),
        ("<think>never ends", ""),
        ("A\u202etitle\x07 here", "Atitle here"),
        ("„Grüße“ 東京", "Grüße“ 東京"),
        ("...", ""),
        ("", ""),
    ],
)
def test_title_of(answer: str, title: str) -> None:
    assert title_of(answer) == title


@given(st.text())
def test_title_of_anything_is_a_line_that_can_be_shown(answer: str) -> None:
    title = title_of(answer)

    assert len(title.split()) <= 5
    assert len(title) <= 80
    assert not is_misleading(title)


def test_request_for_is_bounded() -> None:
    system, user = request_for("q" * 10_000, "a" * 10_000)

    assert system["role"] == "system"
    assert user == {
        "role": "user",
        "content": f"User: {'q' * LONGEST_EXCERPT}\n\nAssistant: {'a' * LONGEST_EXCERPT}",
    }
