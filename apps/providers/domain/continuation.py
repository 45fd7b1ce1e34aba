"""Going on where an answer broke off: who can, how each is asked, and what of the rest was said already. Pure.

A model goes on from a text that it finds as the beginning of its own answer. Kinds differ in how that is put to them;
some begin a new answer whatever they are told, and are not asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from apps.providers.domain.calls import Call
from apps.providers.domain.tables import RouteView
from apps.providers.enums import Operation, ProviderKind
from apps.providers.errors import NotOffered

MOST_TIMES = 2
"""How often one stream goes on elsewhere: each time all that was said is paid for as a prompt once more."""
MOST_SAID = 256 * 1024
"""Characters; a longer answer is not gone on with."""
LEAST_ECHO = 16
"""Characters. A shorter beginning may come again because the answer says it twice; a longer one is an echo."""


class Way(StrEnum):
    """How a kind is asked to go on."""

    TRAILING = "trailing"
    """A last message of the assistant's is gone on with."""
    FLAGGED = "flagged"
    """The same, where the body says so; else a new message would begin."""
    PREFILL = "prefill"
    """Anthropic's: the same, and the text must not end in white space."""
    PROMPT = "prompt"
    """The text stands behind the prompt."""


# OpenAI, Azure and Gemini begin a new message after whatever stands last.
CHAT: Mapping[ProviderKind, Way] = {
    ProviderKind.ANTHROPIC: Way.PREFILL,
    ProviderKind.LLAMA_CPP: Way.TRAILING,
    ProviderKind.LOCAL: Way.TRAILING,
    ProviderKind.OLLAMA: Way.TRAILING,
    ProviderKind.OPENAI_COMPATIBLE: Way.TRAILING,
    ProviderKind.SGLANG: Way.FLAGGED,
    ProviderKind.SIMULATED: Way.TRAILING,
    ProviderKind.TGI: Way.TRAILING,
    ProviderKind.VLLM: Way.FLAGGED,
}
# Ollama puts a prompt into its template first, as what a user says.
BARE_PROMPTS = frozenset(
    {
        ProviderKind.AZURE_OPENAI,
        ProviderKind.LLAMA_CPP,
        ProviderKind.LOCAL,
        ProviderKind.OPENAI,
        ProviderKind.OPENAI_COMPATIBLE,
        ProviderKind.SGLANG,
        ProviderKind.TGI,
        ProviderKind.VLLM,
    }
)
# An answer with a shape, or with more beside its text, cannot be put together from two halves.
WHOLE_ONLY = (
    "audio", "echo", "functions", "grammar", "guided_choice", "guided_decoding_backend", "guided_grammar", "guided_json",
    "guided_regex", "logprobs", "modalities", "output_config", "output_format", "structured_outputs", "suffix", "top_logprobs",
)  # fmt: skip


def way_of(kind: ProviderKind, operation: Operation) -> Way | None:
    """`operation` is what goes upstream: a completion may be had from a model that only chats."""
    if operation is Operation.CHAT:
        return CHAT.get(kind)
    return Way.PROMPT if operation is Operation.COMPLETION and kind in BARE_PROMPTS else None


def may_continue(call: Call, route: RouteView | None) -> bool:
    """Whether a stream of this call is gone on with when it breaks off in the middle."""
    return route is not None and route.continues and call.is_stream and is_plain(call)


def is_plain(call: Call) -> bool:
    """Whether its answer is one text and nothing but text, as far as the body tells."""
    body = call.body
    if call.operation not in (Operation.CHAT, Operation.COMPLETION):
        return False
    if any(body.get(name) not in (None, 1) for name in ("n", "best_of")):
        return False
    if any(body.get(name) for name in WHOLE_ONLY):
        return False
    shape = body.get("response_format")
    if isinstance(shape, dict) and shape.get("type") not in (None, "text"):
        return False
    return call.operation is Operation.CHAT or _prompt_of(body) is not None


def go_on(body: dict[str, Any], said: str, way: Way) -> dict[str, Any]:
    """The body that makes a model go on from `said`, in the words of whoever gets it. Raises `NotOffered`."""
    if way is Way.PROMPT:
        return {**body, "prompt": f"{_prompt_of(body) or ''}{said}"}
    if way is Way.FLAGGED:
        is_begun = body.get("continue_final_message") is True
        flags = {"continue_final_message": True, "add_generation_prompt": False}
        return {**body, **flags, "messages": _messages(body, said, is_begun=is_begun)}
    if way is Way.PREFILL and _thinks(body):
        raise NotOffered("Anthropic does not go on with an answer where it is to think first.")
    return {**body, "messages": _messages(body, prefill_of(said, way), is_begun=True)}


def prefill_of(said: str, way: Way) -> str:
    """What of the text is sent on."""
    return said.rstrip() if way is Way.PREFILL else said


def with_less(body: dict[str, Any], tokens: int) -> dict[str, Any]:
    """The body with its bounds brought down by what has come already."""
    bounds = {
        name: max(1, asked - tokens)
        for name in ("max_tokens", "max_completion_tokens")
        if isinstance(asked := body.get(name), int)
    }
    return {**body, **bounds} if bounds and tokens else body


class Overlap:
    """Takes out of what comes what was said already: the prefill, where it comes back, and white space told twice."""

    def __init__(self, said: str, way: Way) -> None:
        prefill = prefill_of(said, way)
        self._tail = said[len(prefill) :]
        self._echo = prefill if len(prefill) >= LEAST_ECHO else ""
        self._held = ""

    def take(self, text: str) -> str:
        """What of it is new; nothing for as long as it may be an echo."""
        if self._echo:
            self._held += text
            if len(self._held) < len(self._echo) and self._echo.startswith(self._held):
                return ""
            held, self._held = self._held, ""
            echo, self._echo = self._echo, ""
            text = held.removeprefix(echo)
        while self._tail and text:
            if text[0] != self._tail[0]:
                self._tail = ""
                break
            self._tail, text = self._tail[1:], text[1:]
        return text

    def rest(self) -> str:
        """What was held back for nothing: the text ended before it had come all again."""
        held, self._held, self._echo = self._held, "", ""
        return held


def _messages(body: dict[str, Any], said: str, *, is_begun: bool) -> list[dict[str, Any]]:
    """`is_begun`: a last message of the assistant's is the beginning of this one."""
    messages: list[dict[str, Any]] = list(body["messages"])
    if not said:
        return messages
    if not is_begun or not messages or messages[-1].get("role") != "assistant":
        return [*messages, {"role": "assistant", "content": said}]
    last = messages.pop()
    return [*messages, {**last, "content": _lengthened(last.get("content"), said)}]


def _lengthened(content: Any, said: str) -> Any:
    if not isinstance(content, list):
        return f"{content or ''}{said}"
    last = content[-1] if content else None
    if isinstance(last, dict) and isinstance(text := last.get("text"), str):
        return [*content[:-1], {**last, "text": text + said}]
    return [*content, {"type": "text", "text": said}]


def _prompt_of(body: dict[str, Any]) -> str | None:
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    return prompt if isinstance(prompt, str) else None


def _thinks(body: dict[str, Any]) -> bool:
    thinking = body.get("thinking")
    return isinstance(thinking, dict) and thinking.get("type") not in (None, "disabled")
