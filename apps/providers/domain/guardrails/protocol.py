"""What a guardrail is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from apps.core.errors import Invalid

ON = ("request", "answer")


class Guardrail(Protocol):
    """Looks at one text at a time; knows nothing of dialects."""

    @property
    def reach(self) -> int:
        """How many characters the longest thing it looks for takes: so much of a stream is held back."""

    def check(self, text: str) -> str:
        """The text as it may go on, changed or not. Raises `GuardrailRefused`."""


Factory = Callable[[Mapping[str, Any]], Guardrail]
"""Makes a guardrail of its options. Raises `Invalid` naming the option."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A guardrail in its place: `on` says whether it looks at what goes up, what comes back, or both."""

    name: str
    guardrail: Guardrail
    on_request: bool = True
    on_answer: bool = True


def read_choices(options: Mapping[str, Any], name: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """A list of words out of `known`; all of them where the option is left out."""
    given = options.get(name)
    if given is None:
        return known
    words = ", ".join(known)
    if not isinstance(given, list) or not given or any(word not in known for word in given):
        raise Invalid.field(name, f"must be a list out of {words}", "choice")
    return tuple(dict.fromkeys(given))


def read_choice(options: Mapping[str, Any], name: str, known: tuple[str, ...]) -> str:
    """One word out of `known`, the first by default."""
    given = options.get(name, known[0])
    if given not in known:
        raise Invalid.field(name, f"must be one of {', '.join(known)}", "choice")
    return str(given)


def refuse_unknown(options: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in options:
        if name not in known:
            raise Invalid.field(name, "is not an option here", "unknown_field")
