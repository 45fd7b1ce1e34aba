"""Estimates near what tokenizers count, and a bound above all of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.providers.domain import tokens
from apps.providers.domain.tokens import bound_prompt, bound_text, estimate_prompt, estimate_text

pytestmark = pytest.mark.unit

# Counted with o200k_base; an estimate within a factor of two will do.
COUNTED = {
    "The quick brown fox jumps over the lazy dog.": 10,
    "Die Donaudampfschifffahrtsgesellschaft fährt über die Brücke.": 16,
    "Быстрая коричневая лиса прыгает через ленивую собаку.": 15,
    "今日は天気がいいですね。": 8,
    "敏捷的棕色狐狸跳过了懒狗。": 14,
    "안녕하세요, 만나서 반갑습니다.": 9,
    '{"type": "object", "properties": {"city": {"type": "string"}}}': 18,
}


@pytest.mark.parametrize(("text", "counted"), COUNTED.items())
def test_estimate_is_near_what_is_counted(text: str, counted: int) -> None:
    assert counted / 2 <= estimate_text(text) <= counted * 2
    assert bound_text(text) >= counted


def test_estimate_of_nothing_is_nothing() -> None:
    assert (estimate_text(""), bound_text("")) == (0, 0)


@given(st.text())
def test_bound_is_the_bytes_and_never_below_the_estimate(text: str) -> None:
    assert bound_text(text) == len(text.encode("utf-8", "replace"))
    assert 0 <= estimate_text(text) <= max(bound_text(text), 0)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(
    st.dictionaries(
        st.sampled_from(["messages", "prompt", "input", "system", "tools"]), json_values
    )
)
def test_prompt_of_any_shape_is_bounded_above_its_estimate(body: dict[str, Any]) -> None:
    assert 0 < estimate_prompt(body) <= bound_prompt(body)


def test_prompt_counts_messages_tools_and_system() -> None:
    body = {"messages": [{"role": "user", "content": "a" * 400}]}

    alone = estimate_prompt(body)

    assert 100 <= alone <= 110
    assert estimate_prompt({**body, "system": "b" * 400}) == alone + 100
    assert (
        estimate_prompt({**body, "tools": [{"function": {"description": "c" * 400}}]}) > alone + 100
    )


def test_picture_counts_as_one_not_by_its_bytes() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}
    body = {"messages": [{"role": "user", "content": [picture]}]}

    assert tokens.IMAGE_TOKENS <= estimate_prompt(body) <= tokens.IMAGE_TOKENS + 20
