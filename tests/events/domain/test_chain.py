from __future__ import annotations

import hashlib
from typing import Any

import pytest

from apps.events.domain.chain import GENESIS, Break, Link, Walk, digest

pytestmark = pytest.mark.unit


def make_chain(length: int) -> list[Link]:
    links: list[Link] = []
    previous = GENESIS
    for sequence in range(1, length + 1):
        content: dict[str, Any] = {"action": "a.b.c", "sequence": sequence}
        seal = digest(content, previous)
        links.append(Link(f"audit_{sequence}", sequence, previous, seal, content))
        previous = seal
    return links


def walk(links: list[Link]) -> Break | None:
    way = Walk()
    return next((found for link in links if (found := way.step(link)) is not None), None)


def test_digest_depends_on_no_order_of_names() -> None:
    assert digest({"a": 1, "b": 2}, GENESIS) == digest({"b": 2, "a": 1}, GENESIS)


def test_digest_depends_on_content_and_on_what_came_before() -> None:
    seals = {digest({"a": 1}, GENESIS), digest({"a": 2}, GENESIS), digest({"a": 1}, "f" * 64)}

    assert len(seals) == 3


def test_digest_is_what_others_can_compute() -> None:
    text = '{"a":"ü","previous_hash":"' + GENESIS + '"}'

    assert digest({"a": "ü"}, GENESIS) == hashlib.sha256(text.encode()).hexdigest()


def test_walk_along_a_whole_chain_finds_nothing() -> None:
    links = make_chain(3)

    assert walk(links) is None


def test_step_names_the_first_missing_entry() -> None:
    first, _, third = make_chain(3)

    assert walk([first, third]) == Break(2, "audit_3", "entry 2 is missing")


def test_step_names_changed_content() -> None:
    first, second, third = make_chain(3)
    changed = Link(second.id, 2, second.previous_hash, second.hash, {"action": "x", "sequence": 2})

    assert walk([first, changed, third]) == Break(
        2, "audit_2", "its content is not what was sealed"
    )


def test_step_names_an_entry_resealed_alone() -> None:
    first, second, third = make_chain(3)
    content = {"action": "x", "sequence": 2}
    resealed = Link(second.id, 2, first.hash, digest(content, first.hash), content)

    assert walk([first, resealed, third]) == Break(
        3, "audit_3", "it does not follow the entry before it"
    )


def test_finish_names_a_chain_cut_short() -> None:
    links = make_chain(3)
    way = Walk()
    for link in links[:2]:
        way.step(link)

    assert way.finish(3, links[2].hash) == Break(3, "", "the chain ends at 2, its head says 3")
