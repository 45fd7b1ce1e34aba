from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.conversations.domain.search import MOST_WORDS, Clause, Piece, fold, parse_query, snippet


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("red fox", (Clause(("red",)), Clause(("fox",), True))),
        ('"red fox"', (Clause(("red", "fox")),)),
        ('"red fox" den', (Clause(("red", "fox")), Clause(("den",), True))),
        ('den "red fox"', (Clause(("den",)), Clause(("red", "fox")))),
        ('"red fox', (Clause(("red",)), Clause(("fox",), True))),
        ("don't", (Clause(("don", "t"), True),)),
        ("x", (Clause(("x",)),)),
        ("AND OR NOT", (Clause(("AND",)), Clause(("OR",)), Clause(("NOT",), True))),
        ("Cafe\u0301", (Clause(("Café",), True),)),
        ("", ()),
        ('"', ()),
        ('""', ()),
        ("*", ()),
        ("' ; -- \x00 \\ ( ) : ^ {}", ()),
        ("\u0301", ()),
    ],
)
def test_parse_query(text: str, clauses: tuple[Clause, ...]) -> None:
    assert parse_query(text) == clauses


@given(st.text(max_size=300))
def test_parse_query_of_anything_is_words_of_letters_and_digits(text: str) -> None:
    found = parse_query(text)

    assert sum(len(clause.words) for clause in found) <= MOST_WORDS
    for clause in found:
        assert all(char.isalnum() for word in clause.folded for char in word)


@pytest.mark.parametrize(
    ("text", "folded"), [("ÄRGER", "arger"), ("Cafe\u0301", "cafe"), ("ЁЖ", "еж"), ("東京", "東京")]
)
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("text", "query", "pieces"),
    [
        ("A red fox.", "RED", [("A ", False), ("red", True), (" fox.", False)]),
        ("Überall Ärger", "arg", [("Überall ", False), ("Ärger", True)]),
        ("a red fox, a fox red", '"fox red"', [("a red fox, a ", False), ("fox red", True)]),
        (
            "fox\n\nfox",
            "fox",
            [("fox", True), (" ", False), ("fox", True)],
        ),
        ("nothing <b>here</b>", "fox", [("nothing <b>here</b>", False)]),
        ("", "fox", []),
        ("I don't know", "don't", [("I ", False), ("don't", True), (" know", False)]),
    ],
)
def test_snippet(text: str, query: str, pieces: list[tuple[str, bool]]) -> None:
    assert snippet(text, parse_query(query)) == [Piece(*piece) for piece in pieces]


def test_snippet_of_a_long_text_surrounds_its_first_match() -> None:
    text = "word " * 1000 + "needle " + "word " * 1000

    pieces = snippet(text, parse_query("needle"))

    assert [piece.text for piece in pieces if piece.is_match] == ["needle"]
    assert (pieces[0].text[:6], pieces[-1].text[-1]) == ("…word ", "…")
    assert sum(len(piece.text) for piece in pieces) < 260


@given(st.text(max_size=400), st.text(max_size=20))
def test_snippet_of_anything_holds_nothing_that_is_not_there(text: str, query: str) -> None:
    told = "".join(piece.text for piece in snippet(text, parse_query(query)))

    assert told.strip("…") in re.sub(r"\s+", " ", text)
