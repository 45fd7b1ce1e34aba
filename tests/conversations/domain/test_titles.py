from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from apps.conversations.domain.titles import LONGEST_MADE, title_from
from apps.core.text import clean_line

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Hello", "Hello"),
        ("\n\n  What is\ta  signal box?  \nTell me.", "What is a signal box?"),
        ("# A heading\n\ntext", "A heading"),
        ("---\n***\nWords", "Words"),
        ("a\u202eb\x07c", "abc"),
        ("", ""),
        (" \n\t", ""),
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 79 + "…"),
        ("word " * 16, ("word " * 16).strip()),
        ("word " * 17, ("word " * 16).strip() + "…"),
        ("longer " * 12, ("longer " * 11).strip() + "…"),
        ("a" * 79 + " b", "a" * 79 + "…"),
        ("e\u0301", "\u00e9"),
    ],
)
def test_title_is_the_first_line_cut_at_a_word(text, title):
    assert title_from(text) == title


@given(some.text())
def test_a_title_can_be_kept_and_shown(text):
    title = title_from(text)

    assert len(title) <= LONGEST_MADE
    assert title == "" or clean_line(title) == title
