from __future__ import annotations

import pytest

from apps.conversations.domain import terms
from apps.conversations.enums import Trimming
from apps.core.errors import Invalid

pytestmark = pytest.mark.unit


def wrong(check, *args, **kwargs):
    with pytest.raises(Invalid) as refusal:
        check(*args, **kwargs)
    return [(each.field, each.type) for each in refusal.value.fields]


@pytest.mark.parametrize(
    ("value", "title"), [(None, ""), ("", ""), ("  About  ", "About"), ("a" * 255, "a" * 255)]
)
def test_title_is_a_clean_line_or_none(value, title):
    assert terms.check_title(value) == title


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        (7, "type"),
        ("a" * 256, "length"),
        ("a\nb", "control"),
        ("a\x00", "control"),
        ("  ", "length"),
    ],
)
def test_title_refuses(value, type_):
    assert wrong(terms.check_title, value) == [("title", type_)]


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        ([], []),
        (["b", " a ", "b"], ["b", "a"]),
        ([str(n) for n in range(20)], [str(n) for n in range(20)]),
    ],
)
def test_tags_stand_once_each(value, tags):
    assert terms.check_tags(value) == tags


@pytest.mark.parametrize(
    ("value", "field", "type_"),
    [
        ("a", "tags", "not_a_list"),
        (["a"] * 21, "tags", "max_length"),
        (["ok", "a" * 51], "tags.1", "length"),
        ([""], "tags.0", "length"),
        ([None], "tags.0", "type"),
    ],
)
def test_tags_refuse(value, field, type_):
    assert wrong(terms.check_tags, value) == [(field, type_)]


def test_parameters_are_known_ones_in_range():
    given = {
        "temperature": 0.2, "top_p": 1, "max_tokens": 5, "max_completion_tokens": 6, "stop": ["a"],
        "presence_penalty": -2, "frequency_penalty": 2, "seed": 7, "reasoning_effort": "low",
    }  # fmt: skip

    assert terms.check_parameters({**given}) == given
    assert terms.check_parameters({"seed": None, "stop": "a"}) == {"stop": "a"}


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        ([], ["parameters"]),
        ({"temperature": 2.1}, ["parameters.temperature"]),
        ({"temperature": True}, ["parameters.temperature"]),
        ({"temperature": float("nan")}, ["parameters.temperature"]),
        ({"max_tokens": 0, "seed": "1"}, ["parameters.max_tokens", "parameters.seed"]),
        ({"messages": []}, ["parameters.messages"]),
        ({"model": "x"}, ["parameters.model"]),
        ({"n": 2}, ["parameters.n"]),
        ({"stream": True}, ["parameters.stream"]),
        ({"api_key": "x"}, ["parameters.api_key"]),
        ({"stop": "a" * 201}, ["parameters.stop"]),
        ({"stop": ["a", "b\x00"]}, ["parameters.stop"]),
        ({"stop": ["a"] * 17}, ["parameters.stop"]),
        ({"reasoning_effort": "a" * 201}, ["parameters.reasoning_effort"]),
        ({"x" * 200: 1}, ["parameters." + "x" * 80 + "…"]),
        ({str(n): 1 for n in range(100)}, [f"parameters.{n}" for n in range(10)]),
    ],
)
def test_parameters_refuse(value, fields):
    assert [field for field, _ in wrong(terms.check_parameters, value)] == fields


@pytest.mark.parametrize("value", [None, 256, 10_000_000])
def test_context_is_a_number_or_nothing(value):
    assert terms.check_context_tokens(value) == value


@pytest.mark.parametrize(
    ("value", "type_"), [(255, "range"), (10_000_001, "range"), ("1", "invalid"), (True, "invalid")]
)
def test_context_refuses(value, type_):
    assert wrong(terms.check_context_tokens, value) == [("context_tokens", type_)]


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        ("", "blank"),
        (" \n", "blank"),
        (None, "type"),
        ("a" * 11, "max_length"),
        ("a\x00", "unstorable"),
        ("\ud800", "unstorable"),
    ],
)
def test_texts_refuse(value, type_):
    assert wrong(terms.check_text, value, "content", longest=10) == [("content", type_)]


def test_texts_are_kept_as_they_are():
    assert terms.check_text(" a\n\u202eb", "content", longest=10) == " a\n\u202eb"
    assert terms.check_text("", "content", longest=10, may_be_empty=True) == ""


def test_words_are_of_their_kind():
    assert terms.check_word("summary", "trimming", Trimming) is Trimming.SUMMARY
    assert wrong(terms.check_word, "newest", "trimming", Trimming) == [("trimming", "choice")]
    assert wrong(terms.check_word, ["oldest"], "trimming", Trimming) == [("trimming", "choice")]
    assert wrong(terms.check_flag, "true", "archived") == [("archived", "invalid")]
