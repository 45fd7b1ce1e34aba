"""Words that a route does not let through."""

from __future__ import annotations

import pytest

from apps.core.errors import Invalid
from apps.providers.domain.guardrails.deny import make
from apps.providers.errors import GuardrailRefused


@pytest.mark.parametrize("text", ["Project Nightjar", "the project  nightjar!", "NIGHTJAR"])
def test_check_refuses_whole_words_without_regard_to_case(text: str) -> None:
    with pytest.raises(GuardrailRefused) as raised:
        make({"words": ["project nightjar", "nightjar"]}).check(text)

    assert "nightjar" not in raised.value.message.lower()


def test_check_lets_parts_of_words_through() -> None:
    guardrail = make({"words": ["cat", "c++"]})

    assert guardrail.check("concatenate, c+") == "concatenate, c+"


def test_check_when_told_to_mask_says_the_rest() -> None:
    guardrail = make({"words": ["grün", "a.b"], "action": "mask"})

    assert guardrail.check("Grün is a.b, not axb") == "[…] is […], not axb"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({}, "words"),
        ({"words": []}, "words"),
        ({"words": ["ok", " "]}, "words.1"),
        ({"words": ["x" * 101]}, "words.0"),
        ({"words": [5]}, "words.0"),
        ({"words": ["x"], "kinds": []}, "kinds"),
    ],
)
def test_make_when_an_option_is_wrong_names_it(options: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as raised:
        make(options)

    assert [f.field for f in raised.value.fields] == [field]
