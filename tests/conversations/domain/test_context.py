"""What of a conversation goes up."""

from __future__ import annotations

import pytest

from apps.conversations.domain.context import (
    LEAST_BUDGET,
    Picture,
    Turn,
    budget_of,
    fit,
    messages_of,
    summary_request,
    with_summary,
)

pytestmark = pytest.mark.unit
ROLES = ("user", "assistant")


def turns(*sizes: int) -> list[Turn]:
    """By turns, so many tokens each beside the four around."""
    return [Turn(n + 1, ROLES[n % 2], "word" * size) for n, size in enumerate(sizes)]


def test_without_a_budget_all_goes_up() -> None:
    window = fit(turns(10, 20, 30), system="", budget=None)

    assert [turn.pk for turn in window.kept] == [1, 2, 3]
    assert (window.left_out, window.tokens) == ((), 8 + 60 + 3 * 4)


def test_the_oldest_are_left_out_whole_until_the_rest_fits() -> None:
    window = fit(turns(100, 100, 100, 100, 50), system="", budget=300)

    assert [turn.pk for turn in window.left_out] == [1, 2]
    assert [turn.pk for turn in window.kept] == [3, 4, 5]
    assert window.tokens == 8 + 250 + 3 * 4


def test_no_answer_is_kept_without_its_question() -> None:
    window = fit(turns(100, 10, 100, 10, 50), system="", budget=200)

    assert [turn.pk for turn in window.kept] == [3, 4, 5]


def test_the_last_question_and_what_came_after_it_stay_whatever_they_cost() -> None:
    said = [*turns(100, 100, 5000), Turn(9, "assistant", "word" * 900)]

    window = fit(said, system="word" * 50, budget=300)

    assert [turn.pk for turn in window.kept] == [3, 9]
    assert window.tokens == 8 + 54 + 5004 + 904


def test_the_system_message_counts() -> None:
    assert len(fit(turns(50, 50, 50), system="", budget=175).kept) == 3
    assert len(fit(turns(50, 50, 50), system="word" * 20, budget=175).kept) == 1


def test_the_budget_is_the_context_less_room_for_the_answer() -> None:
    def of(
        context: int | None,
        asked: int | None = None,
        answer: int | None = None,
        most: int | None = None,
    ) -> int | None:
        return budget_of(context_tokens=context, asked=asked, answer=answer, most_answer=most)

    assert of(None) is None
    assert of(8000) == 6000
    assert of(8000, answer=500) == 7500
    assert of(8000, most=1000) == 7000
    assert of(8000, asked=2000) == 2000
    assert of(None, asked=2000) == 2000
    assert of(100) == LEAST_BUDGET


def test_pictures_go_as_parts_beside_the_text() -> None:
    said = [Turn(1, "user", "Look", (Picture("image/png", "QUJD"),)), Turn(2, "assistant", "A cat")]

    assert messages_of(said, system="Be kind.") == [
        {"role": "system", "content": "Be kind."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
            ],
        },
        {"role": "assistant", "content": "A cat"},
    ]


def test_a_summary_stands_behind_the_system_prompt() -> None:
    assert with_summary("", "S") == "What was said before, in short:\nS"
    assert with_summary("P", "S") == "P\n\nWhat was said before, in short:\nS"


def test_what_is_summed_up_holds_the_summary_before() -> None:
    asked = summary_request(turns(1, 1), "Earlier.")

    assert asked[1] == {
        "role": "user",
        "content": "Summary of what came earlier:\nEarlier.\n\nuser: word\n\nassistant: word",
    }
