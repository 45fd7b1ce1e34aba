"""Prompts with variables: read, filled in, compared."""

from __future__ import annotations

from typing import Any

import pytest

from apps.core.errors import Invalid
from apps.providers.domain import prompts
from apps.providers.domain.prompts import PromptView, Reference

pytestmark = pytest.mark.unit


def say(text: str, role: str = "user") -> dict[str, str]:
    return {"role": role, "content": text}


def fields_of(error: Invalid) -> list[tuple[str, str]]:
    return [(field.field, field.type) for field in error.fields]


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"),
        ("{{name}}", "Ada"),
        ("{{ name }}, {{name}}!", "Ada, Ada!"),
        ("{{\n name\t}}", "Ada"),
        ("{name} }} {", "{name} }} {"),
        (r"\{{name}}", "{{name}}"),
        (r"\{{ and {{name}}", "{{ and Ada"),
        (r"\\{{name}}", r"\{{name}}"),
        ("{{{name}}}", None),
        ('{"a": {"b": "{{name}}"}}', '{"a": {"b": "Ada"}}'),
    ],
)
def test_render_fills_in_variables(text: str, filled: str | None) -> None:
    if filled is None:
        with pytest.raises(Invalid):
            prompts.check_messages([say(text)])
        return
    messages = prompts.check_messages([say(text)])
    variables = {"name": "Ada"} if prompts.variables_of(messages) else {}

    assert prompts.render(messages, variables) == [say(filled)]


def test_a_value_is_never_read_again() -> None:
    messages = [say("{{a}} {{b}}")]

    assert prompts.render(messages, {"a": "{{b}}", "b": r"\{{a}}"}) == [say(r"{{b}} \{{a}}")]


@pytest.mark.parametrize(
    ("value", "text"), [("x", "x"), (7, "7"), (1.5, "1.5"), (True, "true"), (False, "false")]
)
def test_plain_values_become_text(value: Any, text: str) -> None:
    assert prompts.render([say("{{a}}")], {"a": value}) == [say(text)]


@pytest.mark.parametrize(
    ("variables", "wrong"),
    [
        ({}, [("variables.a", "required"), ("variables.b", "required")]),
        ({"a": 1}, [("variables.b", "required")]),
        ({"a": 1, "b": 2, "c": 3}, [("variables.c", "unknown_field")]),
        ({"a": None, "b": 2}, [("variables.a", "type")]),
        ({"a": ["x"], "b": {"y": 1}}, [("variables.a", "type"), ("variables.b", "type")]),
        ({"a": float("inf"), "b": 1}, [("variables.a", "type")]),
    ],
)
def test_render_names_what_is_wrong(
    variables: dict[str, Any], wrong: list[tuple[str, str]]
) -> None:
    with pytest.raises(Invalid) as caught:
        prompts.render([say("{{a}}"), say("{{b}}{{a}}", "system")], variables)

    assert fields_of(caught.value) == wrong


def test_render_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "MOST_FILLED", 10)

    with pytest.raises(Invalid) as caught:
        prompts.render([say("{{a}}{{a}}")], {"a": "123456"})

    assert fields_of(caught.value) == [("variables", "length")]


def test_variables_stand_in_the_order_they_are_met() -> None:
    assert prompts.variables_of([say("{{b}} {{a}}"), say("{{b}} {{_c9}}")]) == ["b", "a", "_c9"]


@pytest.mark.parametrize(
    ("messages", "wrong"),
    [
        ("text", [("messages", "type")]),
        ([], [("messages", "length")]),
        ([say("a")] * 51, [("messages", "length")]),
        (["a"], [("messages.0", "type")]),
        ([{"role": "user"}], [("messages.0.content", "type")]),
        ([say("")], [("messages.0.content", "type")]),
        ([say("a", "king")], [("messages.0.role", "choice")]),
        ([{**say("a"), "name": "x"}], [("messages.0.name", "unknown_field")]),
        ([say("fine"), say("{{ 9 }}")], [("messages.1.content", "variable")]),
        ([say("{{a")], [("messages.0.content", "variable")]),
        ([say("{{}}")], [("messages.0.content", "variable")]),
        ([say("{{a b}}")], [("messages.0.content", "variable")]),
        ([say("{{" + "a" * 65 + "}}")], [("messages.0.content", "variable")]),
        ([say("a" * 50_001)] * 2, [("messages", "length")]),
    ],
)
def test_check_messages_refuses(messages: Any, wrong: list[tuple[str, str]]) -> None:
    with pytest.raises(Invalid) as caught:
        prompts.check_messages(messages)

    assert fields_of(caught.value) == wrong


@pytest.mark.parametrize(
    ("parameters", "wrong"),
    [
        ([], [("parameters", "type")]),
        ({"model": "x"}, [("parameters.model", "reserved")]),
        ({"stream": True, "messages": []}, [("parameters.messages", "reserved"), ("parameters.stream", "reserved")]),
        ({str(n): n for n in range(51)}, [("parameters", "length")]),
    ],
)  # fmt: skip
def test_check_parameters_refuses(parameters: Any, wrong: list[tuple[str, str]]) -> None:
    with pytest.raises(Invalid) as caught:
        prompts.check_parameters(parameters)

    assert fields_of(caught.value) == wrong


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("tone@production", Reference("tone", label="production")),
        ("tone@latest", Reference("tone", label="latest")),
        ("a.b-c_1@12", Reference("a.b-c_1", version=12)),
    ],
)
def test_read_reference(text: str, reference: Reference) -> None:
    assert prompts.read_reference(text) == reference


@pytest.mark.parametrize(
    "text", ["", "tone", "tone@", "@1", "tone@0", "tone@01", "tone@A", "tone@a@b", "to ne@1", "a\n@1"]
)  # fmt: skip
def test_read_reference_refuses(text: str) -> None:
    with pytest.raises(Invalid):
        prompts.read_reference(text)


@pytest.mark.parametrize("label", ["latest", "", "1", "A", "a b", "a" * 51])
def test_check_label_refuses(label: str) -> None:
    with pytest.raises(Invalid):
        prompts.check_label(label)


def test_compare_tells_what_changed() -> None:
    before = PromptView("p", 1, (say("Hello {{a}}\nBye"),), {"temperature": 0, "top_p": 1})
    after = PromptView("p", 2, (say("Hello {{b}}\nBye"),), {"temperature": 1, "top_p": 1})

    assert prompts.compare(before, after) == {
        "from": 1,
        "to": 2,
        "text": "--- v1\n+++ v2\n@@ -1,3 +1,3 @@\n [user]\n-Hello {{a}}\n+Hello {{b}}\n Bye",
        "parameters": {"temperature": {"before": 0, "after": 1}},
        "variables_added": ["b"],
        "variables_removed": ["a"],
    }


def test_compare_takes_long_texts_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "MOST_LINES", 2)
    before = PromptView("p", 1, (say("a\nb"),))
    after = PromptView("p", 2, (say("a\nc"),))

    assert prompts.compare(before, after)["text"] == "-[user]\n-a\n-b\n+[user]\n+a\n+c"
    assert prompts.compare(before, before)["text"] == ""
