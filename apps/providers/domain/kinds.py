"""What each kind of provider is made with. Where it stands by default and whether it wants a credential, its adapter says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from types import MappingProxyType
from typing import Any

from apps.core.errors import FieldError, Invalid
from apps.core.text import is_misleading
from apps.providers.enums import ProviderKind

LONGEST_OPTION = 500


@dataclass(frozen=True, slots=True)
class Option:
    """One thing a kind may be told beside its address: text, or a number within bounds."""

    type: type[str | int | float]
    doc: str
    least: float = 0
    most: float = 1_000_000

    def check(self, value: Any) -> str | None:
        """What is wrong with a value, or None."""
        if isinstance(value, bool):
            return "must not be true or false"
        if self.type is str:
            return _wrong_text(value)
        wanted = int if self.type is int else int | float
        if not isinstance(value, wanted) or not isfinite(value):
            return "must be a whole number" if self.type is int else "must be a number"
        if not self.least <= value <= self.most:
            return f"must be from {self.least:g} to {self.most:g}"
        return None


@dataclass(frozen=True, slots=True)
class Kind:
    is_remote: bool = True
    """False: it answers from this machine, so that it has neither an address nor a credential."""
    options: Mapping[str, Option] = field(default_factory=dict)


def _text(doc: str) -> Option:
    return Option(str, doc)


KINDS: Mapping[ProviderKind, Kind] = MappingProxyType(
    {
        ProviderKind.OPENAI: Kind(
            options={
                "organization": _text("Sent as OpenAI-Organization."),
                "project": _text("Sent as OpenAI-Project."),
            },
        ),
        ProviderKind.ANTHROPIC: Kind(options={"version": _text("Sent as anthropic-version.")}),
        ProviderKind.AZURE_OPENAI: Kind(
            options={"api_version": _text("The API's version, a date.")}
        ),
        ProviderKind.GEMINI: Kind(),
        ProviderKind.VLLM: Kind(),
        ProviderKind.TGI: Kind(),
        ProviderKind.SGLANG: Kind(),
        ProviderKind.OLLAMA: Kind(),
        ProviderKind.LLAMA_CPP: Kind(),
        ProviderKind.OPENAI_COMPATIBLE: Kind(),
        ProviderKind.LOCAL: Kind(is_remote=False),
        ProviderKind.SIMULATED: Kind(
            is_remote=False,
            options={
                "seed": Option(int, "Other answers to the same questions.", -(2**53), 2**53),
                "first_token_ms": Option(float, "Pause before an answer.", 0, 600_000),
                "tokens_per_second": Option(float, "Pace of a stream; 0 is at once."),
                "error_rate": Option(float, "Share of calls that fail.", 0, 1),
                "completion_tokens": Option(
                    int, "Length of answers; 0 is by the question.", 0, 20_000
                ),
                "status": Option(int, "An error status to answer with, every time.", 400, 599),
                "retry_after": Option(float, "Seconds, told with that status.", 0, 86_400),
                "cut_after": Option(int, "Tokens after which a stream breaks off.", 0, 20_000),
                "dimensions": Option(int, "Of embeddings.", 1, 4096),
            },
        ),
    }
)


def check_options(kind: ProviderKind, options: Any) -> dict[str, Any]:
    """The options, when the kind knows each of them. Raises `Invalid`."""
    if not isinstance(options, Mapping):
        raise Invalid.field("options", "must be an object", "type")
    known = KINDS[kind].options
    wrong = []
    for name, value in options.items():
        if name not in known:
            offered = ", ".join(sorted(known)) or "none"
            wrong.append(FieldError(f"options.{name}", f"{kind} takes {offered}", "unknown_field"))
        elif (message := known[name].check(value)) is not None:
            wrong.append(FieldError(f"options.{name}", message, "invalid"))
    if wrong:
        raise Invalid(fields=wrong)
    return dict(options)


def _wrong_text(value: Any) -> str | None:
    if not isinstance(value, str):
        return "must be a string"
    # It stands in a header or an address.
    if not 0 < len(value) <= LONGEST_OPTION or not value.isascii() or is_misleading(value):
        return f"must be a line of 1 to {LONGEST_OPTION} characters in ASCII"
    return None
