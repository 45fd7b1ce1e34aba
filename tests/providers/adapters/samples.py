"""Streams and answers in the shapes that providers document, and what each says. The files stand in `recorded/`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from apps.providers.adapters import registry
from apps.providers.adapters.protocol import Adapter
from apps.providers.domain.calls import UpstreamCall, Usage
from apps.providers.enums import Operation, ProviderKind

FOLDER = Path(__file__).parent / "recorded"
CITY = '{"city":"Paris"}'


@dataclass(frozen=True)
class Sample:
    name: str
    kind: ProviderKind
    operation: Operation = Operation.CHAT
    text: str = ""
    hidden: str = ""
    finish: str | None = "stop"
    usage: Usage | None = None
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def data(self) -> bytes:
        return (FOLDER / self.name).read_bytes()

    @property
    def adapter(self) -> Adapter:
        return registry.adapter_for(self.kind)

    @property
    def call(self) -> UpstreamCall:
        is_stream = not self.name.endswith(".json")
        return UpstreamCall(self.operation, "the-model", dict(self.body), is_stream)

    def __str__(self) -> str:
        return f"{self.kind}-{self.name}"


K = ProviderKind
OPENAI = Usage(19, 7, 4)

STREAMS = [
    Sample("openai_chat.sse", K.OPENAI, text="Grüße aus 東京 🚂", usage=OPENAI),
    Sample("openai_chat.sse", K.OPENAI_COMPATIBLE, text="Grüße aus 東京 🚂", usage=OPENAI),
    Sample(
        "openai_tools.sse",
        K.OPENAI,
        hidden=f"weather{CITY}clock{{}}",
        finish="tool_calls",
        usage=OPENAI,
    ),
    Sample(
        "openai_completion.sse",
        K.SGLANG,
        Operation.COMPLETION,
        text="Once upon",
        finish="length",
        usage=Usage(5, 2),
    ),
    Sample("vllm_reasoning.sse", K.VLLM, text="Yes", hidden="Hm.", usage=Usage(8, 4)),
    Sample("anthropic_text.sse", K.ANTHROPIC, text="Grüße aus 東京", usage=Usage(20, 9, 5)),
    Sample(
        "anthropic_tools.sse",
        K.ANTHROPIC,
        text="I'll look.",
        hidden='Let me see.weather{"city": "Paris"}',
        finish="tool_calls",
        usage=Usage(20, 42, 5),
    ),
    Sample(
        "gemini_text.sse",
        K.GEMINI,
        text="Grüße aus 東京",
        hidden="Thinking.",
        usage=Usage(6, 28, 2),
    ),
    Sample(
        "gemini_tools.sse",
        K.GEMINI,
        hidden=f"weather{CITY}",
        finish="tool_calls",
        usage=Usage(40, 9),
    ),
    Sample(
        "gemini_blocked.sse",
        K.GEMINI,
        hidden="The provider's safety filter held the prompt back (PROHIBITED_CONTENT).",
        finish="content_filter",
        usage=Usage(8, 0),
    ),
    Sample("ollama_chat.ndjson", K.OLLAMA, text="Grüße aus 東京", usage=Usage(26, 11)),
    Sample(
        "ollama_tools.ndjson",
        K.OLLAMA,
        hidden=f"Hm.weather{CITY}",
        finish="tool_calls",
        usage=Usage(26, 11),
    ),
    Sample(
        "ollama_generate.ndjson",
        K.OLLAMA,
        Operation.COMPLETION,
        text="Once",
        finish="length",
        usage=Usage(4, 1),
    ),
    Sample(
        "tgi_generate.sse",
        K.TGI,
        Operation.COMPLETION,
        text="Once upon",
        usage=Usage(5, 3),
        body={"prompt": "Tell"},
    ),
]

WHOLE = [
    Sample("openai_chat.json", K.OPENAI, text="Hello!", usage=OPENAI),
    Sample(
        "openai_tools.json",
        K.AZURE_OPENAI,
        hidden=f"weather{CITY}",
        finish="tool_calls",
        usage=OPENAI,
    ),
    Sample(
        "openai_completion.json",
        K.LLAMA_CPP,
        Operation.COMPLETION,
        text="Once upon",
        finish="length",
        usage=Usage(5, 2),
    ),
    Sample(
        "openai_embeddings.json", K.OPENAI, Operation.EMBEDDINGS, finish=None, usage=Usage(8, 0)
    ),
    Sample(
        "anthropic_tools.json",
        K.ANTHROPIC,
        text="I'll look.",
        hidden=f"Hm.weather{CITY}",
        finish="tool_calls",
        usage=Usage(20, 42, 5),
    ),
    Sample(
        "gemini_tools.json",
        K.GEMINI,
        text="I'll look.",
        hidden=f"Hm.weather{CITY}",
        finish="tool_calls",
        usage=Usage(40, 12, 2),
    ),
    Sample(
        "gemini_blocked.json",
        K.GEMINI,
        hidden="The provider's safety filter held the prompt back (SAFETY).",
        finish="content_filter",
        usage=Usage(8, 0),
    ),
    Sample("gemini_embeddings.json", K.GEMINI, Operation.EMBEDDINGS, finish=None, usage=None),
    Sample("ollama_chat.json", K.OLLAMA, text="Hello!", usage=Usage(26, 11)),
    Sample(
        "ollama_embeddings.json", K.OLLAMA, Operation.EMBEDDINGS, finish=None, usage=Usage(8, 0)
    ),
    Sample(
        "tgi_generate.json",
        K.TGI,
        Operation.COMPLETION,
        text="Once upon",
        finish="length",
        usage=Usage(1, 2, is_estimated=True),
        body={"prompt": "Tell"},
    ),
]
