from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from apps.conversations.domain.tree import MOST_SHOWN, Standing, Tree

pytestmark = pytest.mark.unit

#   1 - 2 - 5 - 6
#     \ 3 - 7
#   4 - 8
PAIRS = [(1, None), (2, 1), (3, 1), (4, None), (5, 2), (6, 5), (7, 3), (8, 4)]


@pytest.mark.parametrize(
    ("last", "path"), [(None, []), (1, [1]), (6, [1, 2, 5, 6]), (7, [1, 3, 7]), (8, [4, 8])]
)
def test_path_leads_from_the_first_message(last, path):
    assert Tree(PAIRS).path(last) == path


def test_no_path_leads_to_what_was_removed():
    assert Tree([]).path(5) == []


@pytest.mark.parametrize(
    ("number", "leaf"), [(1, 7), (2, 6), (3, 7), (4, 8), (5, 6), (6, 6), (8, 8)]
)
def test_newest_leaf_is_what_was_written_last(number, leaf):
    assert Tree(PAIRS).newest_leaf(number) == leaf


@pytest.mark.parametrize(
    ("number", "standing"),
    [
        (1, Standing(2, 1, (1, 4))),
        (4, Standing(2, 2, (1, 4))),
        (3, Standing(2, 2, (2, 3))),
        (5, Standing(1, 1, (5,))),
    ],
)
def test_standing_counts_siblings(number, standing):
    assert Tree(PAIRS).standing(number) == standing


@pytest.mark.parametrize(
    ("index", "begin"), [(0, 0), (20, 0), (21, 1), (50, 30), (80, 60), (81, 60), (99, 60)]
)
def test_of_many_siblings_those_around_are_shown(index, begin):
    tree = Tree([(number, None) for number in range(100)])

    assert tree.standing(index) == Standing(100, index + 1, tuple(range(begin, begin + MOST_SHOWN)))


def test_few_siblings_are_all_shown():
    tree = Tree([(number, None) for number in range(MOST_SHOWN)])

    assert tree.standing(MOST_SHOWN - 1).near == tuple(range(MOST_SHOWN))


def test_order_of_the_pairs_is_no_matter():
    tree = Tree(reversed(PAIRS))

    assert (tree.numbers, tree.children(1), tree.children(None), tree.children(6)) == (
        [1, 2, 3, 4, 5, 6, 7, 8],
        (2, 3),
        (1, 4),
        (),
    )


def test_a_long_branch_is_no_deep_recursion():
    tree = Tree([(number, number - 1 if number else None) for number in range(10_000)])

    assert tree.path(9_999) == list(range(10_000))
    assert tree.newest_leaf(0) == 9_999


@given(some.lists(some.integers(min_value=0), max_size=40))
def test_every_message_stands_on_the_path_to_its_newest_leaf(choices):
    """Each choice hangs one more message under one there is, or beside the first."""
    pairs: list[tuple[int, int | None]] = []
    for number, choice in enumerate(choices):
        parent = choice % (number + 1)
        pairs.append((number, None if parent == number else parent))
    tree = Tree(pairs)

    for number, parent in pairs:
        leaf = tree.newest_leaf(number)
        standing = tree.standing(number)
        assert number in tree.path(leaf)
        assert tree.children(leaf) == ()
        assert tree.children(parent)[standing.position - 1] == number
        assert sorted(standing.near) == list(standing.near)
    assert sorted(n for p in {p for _, p in pairs} for n in tree.children(p)) == tree.numbers
