"""What somebody searches for, as words and phrases, and where they stand in a text. Pure.

A word is a run of letters and digits, whatever its capitals and accents. Both databases cut texts the same way, and no
other character of a query means anything to them but the quotes of a phrase: so no query can be wrong.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

MOST_WORDS = 16
LONGEST_WORD = 100
LEAST_PREFIX = 2
"""Letters by which the last word, perhaps still being typed, stands for all that begin with it."""
WIDTH = 240
BEFORE = 60
"""Characters of a snippet, and of those before its first match."""
READ = 200_000
"""Characters of a text that are looked through for its snippet."""

_ACCENTS = re.compile("[\u0300-\u036f]+")
_WORD = re.compile("(?:[^\\W_]|[\u0300-\u036f])+")
_PHRASE = re.compile('"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Clause:
    """One word, or several that stand one after the other."""

    words: tuple[str, ...]
    is_prefix: bool = False
    """Of a single word: what begins with it will do."""

    @property
    def folded(self) -> tuple[str, ...]:
        return tuple(fold(word) for word in self.words)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a snippet. Text, to be escaped by whoever shows it."""

    text: str
    is_match: bool = False


@dataclass(frozen=True, slots=True)
class _Token:
    start: int
    end: int
    folded: str


def fold(text: str) -> str:
    """Small letters without accents, as the databases keep them."""
    return _ACCENTS.sub("", unicodedata.normalize("NFD", text.lower()))


def parse_query(text: str) -> tuple[Clause, ...]:
    """All of them must be found. Empty when the text holds no word."""
    plain = unicodedata.normalize("NFC", text)
    clauses: list[Clause] = []
    at = 0
    for phrase in _PHRASE.finditer(plain):
        clauses += _single_words(plain[at : phrase.start()])
        if words := _words(phrase.group(1)):
            clauses.append(Clause(words))
        at = phrase.end()
    rest = _single_words(plain[at:])
    if rest and len(rest[-1].words[0]) >= LEAST_PREFIX:
        rest[-1] = Clause(rest[-1].words, is_prefix=True)
    clauses += rest
    return _bounded(clauses)


def snippet(text: str, query: tuple[Clause, ...]) -> list[Piece]:
    """The surroundings of the first match, in pieces; the beginning of the text where nothing matches."""
    spans = list(_matches(text[:READ], query))
    start, end = _window(text, spans[0][0] if spans else 0)
    pieces = [Piece("…")] if start else []
    at = start
    for left, right in spans:
        if left >= end:
            break
        if left >= at:
            pieces += [Piece(text[at:left]), Piece(text[left:right], is_match=True)]
            at = right
    pieces.append(Piece(text[at:end] if at < end else ""))
    if end < len(text):
        pieces.append(Piece("…"))
    return _joined(pieces)


def _words(text: str) -> tuple[str, ...]:
    return tuple(match.group()[:LONGEST_WORD] for match in _WORD.finditer(text))


def _single_words(text: str) -> list[Clause]:
    # A word between others' marks ("don't", "e-mail") is several to the databases; together they are a phrase.
    return [Clause(words) for part in text.split() if (words := _words(part))]


def _bounded(clauses: list[Clause]) -> tuple[Clause, ...]:
    kept, count = [], 0
    for clause in clauses:
        if not any(clause.folded):
            continue  # accents alone
        count += len(clause.words)
        if count > MOST_WORDS:
            break
        kept.append(clause)
    return tuple(kept)


def _matches(text: str, query: tuple[Clause, ...]) -> Iterator[tuple[int, int]]:
    """Where clauses stand, in order, none within another."""
    tokens = [_Token(m.start(), m.end(), fold(m.group())) for m in _WORD.finditer(text)]
    wanted = [(clause.folded, clause.is_prefix) for clause in query]
    index = 0
    while index < len(tokens):
        length = max((_length_at(tokens, index, *clause) for clause in wanted), default=0)
        if length:
            yield tokens[index].start, tokens[index + length - 1].end
        index += length or 1


def _length_at(tokens: list[_Token], index: int, words: tuple[str, ...], is_prefix: bool) -> int:
    if is_prefix and len(words) == 1:
        return int(tokens[index].folded.startswith(words[0]))
    if tokens[index].folded != words[0]:
        return 0
    found = tuple(token.folded for token in tokens[index : index + len(words)])
    return len(words) if _agree(found, words, is_prefix) else 0


def _agree(found: tuple[str, ...], words: tuple[str, ...], is_prefix: bool) -> bool:
    if is_prefix:
        last_agrees = len(found) == len(words) and found[-1].startswith(words[-1])
        return found[:-1] == words[:-1] and last_agrees
    return found == words


def _window(text: str, first: int) -> tuple[int, int]:
    start = max(0, first - BEFORE)
    if start:
        blank = text.find(" ", start, first)
        start = blank + 1 if blank >= 0 else start
    return start, min(len(text), start + WIDTH)


def _joined(pieces: list[Piece]) -> list[Piece]:
    """On one line, neighbours of a kind together."""
    joined: list[Piece] = []
    for piece in pieces:
        text = re.sub(r"\s+", " ", piece.text)
        if not text:
            continue
        if joined and joined[-1].is_match == piece.is_match and not piece.is_match:
            joined[-1] = Piece(joined[-1].text + text)
        else:
            joined.append(Piece(text, piece.is_match))
    return joined
