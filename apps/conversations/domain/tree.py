"""The tree that a conversation's messages make. Pure: numbers and their parents, no rows and no texts.

Whoever came later has the higher number, so a child's is always above its parent's. A conversation may have several
first messages (the first one was edited); they are siblings of one another like any others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MOST_SHOWN = 40
"""Siblings named beside a message. Of somebody's thousandth attempt the ones around it are enough to turn pages."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a message stands among its siblings: `position` counts from 1; `near` are those shown, itself included."""

    count: int
    position: int
    near: tuple[int, ...]


class Tree:
    """Read once, walked in memory: ten thousand pairs are read faster than ten rows by as many queries."""

    def __init__(self, pairs: Iterable[tuple[int, int | None]]) -> None:
        self._parents = dict(sorted(pairs))
        self._children: defaultdict[int | None, list[int]] = defaultdict(list)
        for number, parent in self._parents.items():
            self._children[parent].append(number)

    def __len__(self) -> int:
        return len(self._parents)

    def __contains__(self, number: int | None) -> bool:
        return number in self._parents

    @property
    def numbers(self) -> list[int]:
        """In the order they were written."""
        return list(self._parents)

    def path(self, last: int | None) -> list[int]:
        """The branch that ends there, its first message first; empty for None, and for what was removed meanwhile."""
        found = []
        at = last
        while at is not None and at in self._parents:
            found.append(at)
            at = self._parents[at]
        return found[::-1]

    def parent(self, number: int) -> int | None:
        return self._parents[number]

    def children(self, number: int | None) -> Sequence[int]:
        """Oldest first; of None, the first messages."""
        return tuple(self._children.get(number, ()))

    def standing(self, number: int) -> Standing:
        siblings = self._children[self._parents[number]]
        index = siblings.index(number)
        begin = max(0, min(index - MOST_SHOWN // 2, len(siblings) - MOST_SHOWN))
        return Standing(len(siblings), index + 1, tuple(siblings[begin : begin + MOST_SHOWN]))

    def newest_leaf(self, number: int) -> int:
        """The end of the branch that was written last under it; itself when nothing follows."""
        waiting, newest = [number], number
        while waiting:
            at = waiting.pop()
            newest = max(newest, at)  # the highest of all has no child: that would be higher
            waiting += self._children.get(at, ())
        return newest
