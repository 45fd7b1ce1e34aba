r"""Prompts: texts with `{{variables}}`, read, filled in and compared. Pure.

`{{ name }}` is a variable: letters, digits and `_`, the first no digit, blanks around it allowed. `\{{` is two plain
braces. A value is put in as it is and never read again, so a value that holds `{{x}}` stays what it is.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from apps.core.errors import FieldError, Invalid
from apps.core.json import dumps, shown

MOST_MESSAGES = 50
MOST_CHARACTERS = 100_000
"""Of all texts of a version together, and of a prompt that was filled in."""
MOST_FILLED = 1_000_000
MOST_LINES = 2_000
"""Longer texts are compared as a whole: finding what moved takes time with the square of the lines."""
MOST_PARAMETERS = 50
ROLES = ("system", "developer", "user", "assistant")
LATEST = "latest"
"""The label that always is the newest version."""
_OPEN = re.compile(r"\\\{\{|\{\{(?:\s*([A-Za-z_][A-Za-z0-9_]{0,63})\s*\}\})?")
_LABEL = re.compile(r"[a-z][a-z0-9_-]{0,49}").fullmatch
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}").fullmatch
_VERSION = re.compile(r"[1-9][0-9]{0,8}").fullmatch


@dataclass(frozen=True, slots=True)
class PromptView:
    """One version as calls use it."""

    name: str
    version: int
    messages: tuple[Mapping[str, Any], ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reference:
    """`name@label` or `name@version`. One of `label` and `version` is set."""

    name: str
    label: str = ""
    version: int | None = None


def read_reference(text: str, *, field: str = "prompt") -> Reference:
    """Raises `Invalid`: a prompt is never named without saying which version of it is meant."""
    name, _, tag = text.partition("@")
    if _NAME(name) and _VERSION(tag):
        return Reference(name, version=int(tag))
    if _NAME(name) and _LABEL(tag):
        return Reference(name, label=tag)
    raise Invalid.field(field, "must be name@label or name@version", "invalid")


def check_prompt_name(name: str) -> str:
    if not _NAME(name):
        raise Invalid.field(
            "name", "must be 1 to 100 letters, digits and . _ -, the first no sign", "invalid"
        )
    return name


def check_label(label: str, *, field: str = "label") -> str:
    if label == LATEST:
        raise Invalid.field(field, f"{LATEST} is always the newest version", "reserved")
    if not _LABEL(label):
        raise Invalid.field(
            field, "must be small letters, digits, _ and -, the first a letter", "invalid"
        )
    return label


def check_messages(messages: Any) -> list[dict[str, Any]]:
    """`{"role", "content"}` each, the content a text whose variables can be read."""
    if not isinstance(messages, Sequence) or isinstance(messages, str):
        raise Invalid.field("messages", "must be a list", "type")
    if not 0 < len(messages) <= MOST_MESSAGES:
        raise Invalid.field("messages", f"must hold 1 to {MOST_MESSAGES} messages", "length")
    wrong = [error for index, message in enumerate(messages) for error in _wrong(index, message)]
    if wrong:
        raise Invalid(fields=wrong)
    if sum(len(message["content"]) for message in messages) > MOST_CHARACTERS:
        raise Invalid.field("messages", f"may hold {MOST_CHARACTERS} characters", "length")
    return [{"role": message["role"], "content": message["content"]} for message in messages]


def check_parameters(parameters: Any) -> dict[str, Any]:
    """Defaults of a call: what they may be is for the provider to say, but they are not the call itself."""
    if not isinstance(parameters, Mapping):
        raise Invalid.field("parameters", "must be an object", "type")
    if len(parameters) > MOST_PARAMETERS or len(dumps(parameters)) > MOST_CHARACTERS:
        raise Invalid.field("parameters", "are too many or too long", "length")
    wrong = [
        FieldError(f"parameters.{name}", "is the caller's alone", "reserved")
        for name in ("model", "messages", "stream", "user", "prompt", "input")
        if name in parameters
    ]
    if wrong:
        raise Invalid(fields=wrong)
    return dict(parameters)


def variables_of(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """Their names, each once, in the order they first stand there."""
    found = (name for message in messages for _, name in _pieces(message["content"]) if name)
    return list(dict.fromkeys(found))


def render(
    messages: Sequence[Mapping[str, Any]], variables: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The messages with every variable filled in. `Invalid` names those that are missing, unknown or no plain value."""
    if not isinstance(variables, Mapping):
        raise Invalid.field("variables", "must be an object", "type")
    texts = _texts(variables_of(messages), variables)
    filled = [{**message, "content": _fill(message["content"], texts)} for message in messages]
    if sum(len(message["content"]) for message in filled) > MOST_FILLED:
        raise Invalid.field(
            "variables", f"make a prompt of over {MOST_FILLED} characters", "length"
        )
    return filled


def compare(before: PromptView, after: PromptView) -> dict[str, Any]:
    """What changed from one version to another: the texts as a unified diff, parameters and variables by name."""
    old, new = variables_of(before.messages), variables_of(after.messages)
    names = sorted(set(before.parameters) | set(after.parameters))
    return {
        "from": before.version,
        "to": after.version,
        "text": "\n".join(_difference(before, after)),
        "parameters": {
            name: {"before": before.parameters.get(name), "after": after.parameters.get(name)}
            for name in names
            if before.parameters.get(name) != after.parameters.get(name)
        },
        "variables_added": [name for name in new if name not in old],
        "variables_removed": [name for name in old if name not in new],
    }


def _difference(before: PromptView, after: PromptView) -> Iterator[str]:
    old, new = _lines(before), _lines(after)
    if max(len(old), len(new)) > MOST_LINES and old != new:
        return iter([*(f"-{line}" for line in old), *(f"+{line}" for line in new)])
    names = f"v{before.version}", f"v{after.version}"
    return difflib.unified_diff(old, new, *names, lineterm="")


def _lines(version: PromptView) -> list[str]:
    return [
        line
        for message in version.messages
        for line in (f"[{message['role']}]", *message["content"].split("\n"))
    ]


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """Plain text and then the name of a variable, over and over; the last name is empty."""
    last = 0
    plain = ""
    for match in _OPEN.finditer(text):
        plain += text[last : match.start()]
        last = match.end()
        if match.group(1):
            yield plain, match.group(1)
            plain = ""
        else:
            plain += "{{"
    yield plain + text[last:], ""


def _fill(text: str, texts: Mapping[str, str]) -> str:
    return "".join(plain + (texts[name] if name else "") for plain, name in _pieces(text))


def _texts(wanted: Sequence[str], given: Mapping[str, Any]) -> dict[str, str]:
    wrong = [
        FieldError(f"variables.{name}", "is missing", "required")
        for name in wanted
        if name not in given
    ]
    texts = {}
    for name, value in given.items():
        text = _text(value)
        if name not in wanted:
            message = "is no variable of this prompt"
            wrong.append(FieldError(f"variables.{shown(name)}", message, "unknown_field"))
        elif text is None:
            wrong.append(FieldError(f"variables.{name}", "must be text or a number", "type"))
        else:
            texts[name] = text
    if wrong:
        raise Invalid(fields=wrong)
    return texts


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and isfinite(value):
        return str(value)
    return None


def _wrong(index: int, message: Any) -> list[FieldError]:
    place = f"messages.{index}"
    if not isinstance(message, Mapping):
        return [FieldError(place, "must be an object", "type")]
    found = [
        FieldError(f"{place}.{shown(name)}", "is not a field here", "unknown_field")
        for name in message
        if name not in ("role", "content")
    ]
    if message.get("role") not in ROLES:
        found.append(FieldError(f"{place}.role", f"must be one of {', '.join(ROLES)}", "choice"))
    content = message.get("content")
    if not isinstance(content, str) or not content:
        found.append(FieldError(f"{place}.content", "must be a text", "type"))
    elif (position := _unread(content)) is not None:
        text = f"has {{{{ at character {position} that begins no variable; write \\{{{{ for braces"
        found.append(FieldError(f"{place}.content", text, "variable"))
    return found


def _unread(text: str) -> int | None:
    """Where two braces stand that are neither a variable nor escaped."""
    for match in _OPEN.finditer(text):
        if match.group() == "{{":
            return match.start()
    return None
