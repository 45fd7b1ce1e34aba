from __future__ import annotations

import pytest

from apps.core.errors import Invalid
from apps.jobs.domain.positions import position, read_after

LIFE = [
    ("queued", 0, 0.0, 0),
    ("running", 1, 0.0, 0),
    ("running", 1, 0.0, 1),
    ("running", 1, 12.34, 1),
    ("running", 1, 12.341, 1),
    ("running", 1, 99.9, 100),
    ("queued", 1, 99.9, 100),  # the attempt failed, another is to come
    ("running", 2, 0.0, 0),
    ("running", 2, 50.0, 1),
    ("queued", 3, 50.0, 1),  # its worker died
    ("running", 4, 0.0, 0),
    ("failed", 4, 10.0, 1),
    ("queued", 5, 0.0, 0),  # tried again by hand
    ("cancelled", 5, 0.0, 0),
]


def test_position_grows_with_a_jobs_life() -> None:
    numbers = [
        position(claim=claim, state=state, progress=progress, steps=steps)
        for state, claim, progress, steps in LIFE
    ]

    assert numbers == sorted(set(numbers))


def test_position_of_a_million_steps_stays_within_its_claim() -> None:
    crowded = position(claim=1, state="running", progress=99.9, steps=10**6)

    assert crowded < position(claim=1, state="completed", progress=100.0, steps=0)


@pytest.mark.parametrize(
    ("given", "known"),
    [((), None), ((None, ""), None), (("7",), 7), (("7", "9"), 9), (("9", "7"), 9), (("0",), 0)],
)
def test_read_after_takes_the_newest(given: tuple[str | None, ...], known: int | None) -> None:
    assert read_after(*given) == known


@pytest.mark.parametrize("text", ["-1", "1.5", "a", "٣", "9" * 19, " 1", "+1"])
def test_read_after_refuses_what_is_no_number(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_after(text)

    assert [field.field for field in refused.value.fields] == ["after"]
