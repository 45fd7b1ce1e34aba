"""What each kind sends: where, with which headers, in which words."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.core.errors import Invalid
from apps.providers.adapters import registry
from apps.providers.adapters.protocol import UpstreamRequest
from apps.providers.domain.calls import UpstreamCall
from apps.providers.domain.tables import ProviderView
from apps.providers.enums import Operation, ProviderKind
from apps.providers.errors import NotOffered

pytestmark = pytest.mark.unit
K = ProviderKind
HELLO = [{"role": "user", "content": "Hello"}]
CHAT: dict[str, Any] = {"model": "public-name", "messages": HELLO}
PIXEL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells it.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Look"}, PIXEL]},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "weather", "arguments": '{"city":"Paris"}'},
                "extra_content": {"google": {"thought_signature": "c2ln"}},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
    {"role": "user", "content": "And?"},
]


def send(
    kind: ProviderKind,
    body: dict[str, Any],
    operation: Operation = Operation.CHAT,
    *,
    is_stream: bool = False,
    base_url: str = "https://host.example",
    **options: Any,
) -> tuple[UpstreamRequest, Any]:
    provider = ProviderView("prov_1", "p", kind, base_url, "the-credential", options)
    call = UpstreamCall(operation, "the model", body, is_stream)
    request = registry.adapter_for(kind).request(call, provider)
    return request, json.loads(request.body)


@pytest.mark.parametrize(
    ("kind", "operation", "base_url", "url"),
    [
        (K.OPENAI, Operation.CHAT, "", "https://api.openai.com/v1/chat/completions"),
        (K.OPENAI, Operation.IMAGES, "", "https://api.openai.com/v1/images/generations"),
        (K.VLLM, Operation.CHAT, "http://gpu:8000", "http://gpu:8000/v1/chat/completions"),
        (K.VLLM, Operation.CHAT, "http://gpu:8000/v1/", "http://gpu:8000/v1/chat/completions"),
        (K.SGLANG, Operation.EMBEDDINGS, "http://gpu:8000/x/v1", "http://gpu:8000/x/v1/embeddings"),
        (K.LLAMA_CPP, Operation.COMPLETION, "http://gpu", "http://gpu/v1/completions"),
        (K.OPENAI_COMPATIBLE, Operation.CHAT, "https://h/api", "https://h/api/chat/completions"),
        (
            K.AZURE_OPENAI,
            Operation.CHAT,
            "https://me.openai.azure.com/",
            "https://me.openai.azure.com/openai/deployments/the%20model/chat/completions?api-version=2024-10-21",
        ),
        (
            K.AZURE_OPENAI,
            Operation.EMBEDDINGS,
            "https://me.openai.azure.com/openai/v1",
            "https://me.openai.azure.com/openai/v1/embeddings",
        ),
        (K.ANTHROPIC, Operation.CHAT, "", "https://api.anthropic.com/v1/messages"),
        (K.ANTHROPIC, Operation.CHAT, "https://proxy/v1", "https://proxy/v1/messages"),
        (
            K.GEMINI,
            Operation.CHAT,
            "",
            "https://generativelanguage.googleapis.com/v1beta/models/the%20model:generateContent",
        ),
        (
            K.GEMINI,
            Operation.EMBEDDINGS,
            "https://g/v1beta",
            "https://g/v1beta/models/the%20model:batchEmbedContents",
        ),
        (K.OLLAMA, Operation.CHAT, "http://o:11434", "http://o:11434/api/chat"),
        (K.OLLAMA, Operation.COMPLETION, "http://o:11434/v1", "http://o:11434/api/generate"),
        (K.OLLAMA, Operation.EMBEDDINGS, "http://o:11434/api", "http://o:11434/api/embed"),
        (K.TGI, Operation.CHAT, "http://t", "http://t/v1/chat/completions"),
        (K.TGI, Operation.COMPLETION, "http://t/v1", "http://t/generate"),
    ],
)
def test_request_goes_where_the_kind_listens(
    kind: ProviderKind, operation: Operation, base_url: str, url: str
) -> None:
    body = {**CHAT, "prompt": "Hello", "input": "Hello"}

    request, _ = send(kind, body, operation, base_url=base_url)

    assert (request.method, request.url) == ("POST", url)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (K.OPENAI, "/v1/models"),
        (K.AZURE_OPENAI, "/openai/models?api-version=2024-10-21"),
        (K.ANTHROPIC, "/v1/models?limit=1000"),
        (K.GEMINI, "/v1beta/models?pageSize=1000"),
        (K.OLLAMA, "/api/tags"),
        (K.TGI, "/info"),
    ],
)
def test_models_are_asked_for_where_the_kind_lists_them(kind: ProviderKind, path: str) -> None:
    provider = ProviderView("prov_1", "p", kind, "https://host.example", "the-credential")

    request = registry.adapter_for(kind).models_request(provider)

    assert (request.method, request.url, request.body) == (
        "GET",
        f"https://host.example{path}",
        b"",
    )
    assert "the-credential" in "".join(request.headers.values())


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (K.OPENAI, "authorization", "Bearer the-credential"),
        (K.AZURE_OPENAI, "api-key", "the-credential"),
        (K.ANTHROPIC, "x-api-key", "the-credential"),
        (K.GEMINI, "x-goog-api-key", "the-credential"),
        (K.OLLAMA, "authorization", "Bearer the-credential"),
        (K.TGI, "authorization", "Bearer the-credential"),
    ],
)
def test_credential_goes_in_the_kinds_own_header_and_nowhere_else(
    kind: ProviderKind, name: str, value: str
) -> None:
    request, _ = send(kind, CHAT)

    assert request.headers[name] == value
    assert [header for header, one in request.headers.items() if "the-credential" in one] == [name]
    assert "the-credential" not in request.url
    assert b"the-credential" not in request.body
    assert "the-credential" not in repr(request)


@pytest.mark.parametrize("kind", [K.LOCAL, K.SIMULATED])
def test_kinds_without_a_host_send_no_credential(kind: ProviderKind) -> None:
    request, _ = send(kind, CHAT)

    assert "the-credential" not in repr(dict(request.headers)) + request.url


@pytest.mark.parametrize("kind", [K.OPENAI, K.ANTHROPIC, K.VLLM])
def test_fields_that_would_lead_elsewhere_go_no_further(kind: ProviderKind) -> None:
    misleading = {
        "api_base": "http://evil",
        "base_url": "http://evil",
        "api_key": "x",
        "proxy": "p",
    }

    _, body = send(kind, {**CHAT, **misleading, "unknown": 1}, base_url="https://a.example")

    assert body.keys() & misleading.keys() == set()
    assert body["unknown"] == 1
    assert body["model"] == "the model"


def test_stream_always_asks_for_usage_and_keeps_the_callers_options() -> None:
    asked = {**CHAT, "stream": True, "stream_options": {"include_obfuscation": False}}

    request, body = send(K.OPENAI, asked, is_stream=True)
    _, whole = send(K.OPENAI, asked)

    assert body["stream_options"] == {"include_obfuscation": False, "include_usage": True}
    assert body["stream"] is True
    assert request.headers["accept"] == "text/event-stream"
    assert whole.keys() & {"stream", "stream_options"} == set()


@pytest.mark.parametrize(
    ("kind", "model", "expected"),
    [
        (K.OPENAI, "o3-mini", {"max_completion_tokens": 9}),
        (K.OPENAI, "gpt-5.1", {"max_completion_tokens": 9}),
        (K.OPENAI, "gpt-4o", {"max_tokens": 9}),
        (K.VLLM, "gpt-5", {"max_tokens": 9}),
    ],
)
def test_bound_has_the_name_that_the_model_takes(
    kind: ProviderKind, model: str, expected: dict[str, int]
) -> None:
    call = UpstreamCall(Operation.CHAT, model, {**CHAT, "max_tokens": 9})

    request = registry.adapter_for(kind).request(call, ProviderView("p", "p", kind, "http://h"))

    told = json.loads(request.body)
    assert {name: told[name] for name in told if name.startswith("max")} == expected


@pytest.mark.parametrize("kind", [K.LLAMA_CPP, K.TGI, K.LOCAL])
def test_older_servers_get_the_older_name_of_the_bound(kind: ProviderKind) -> None:
    _, body = send(kind, {**CHAT, "max_completion_tokens": 9})

    assert body["max_tokens"] == 9
    assert "max_completion_tokens" not in body


def test_openai_is_told_organization_and_project() -> None:
    request, _ = send(K.OPENAI, CHAT, organization="org-1", project="proj-1")

    assert request.headers["openai-organization"] == "org-1"
    assert request.headers["openai-project"] == "proj-1"


def test_azure_takes_the_version_from_its_options() -> None:
    request, _ = send(K.AZURE_OPENAI, CHAT, api_version="2025-04-01-preview")

    assert request.url.endswith("?api-version=2025-04-01-preview")


def test_anthropic_names_its_version_and_always_a_bound() -> None:
    request, body = send(K.ANTHROPIC, CHAT)
    other, bounded = send(
        K.ANTHROPIC, {**CHAT, "max_tokens": 5}, is_stream=True, version="2024-01-01"
    )

    assert request.headers["anthropic-version"] == "2023-06-01"
    assert body == {"model": "the model", "messages": HELLO, "max_tokens": 4096}
    assert other.headers["anthropic-version"] == "2024-01-01"
    assert (bounded["max_tokens"], bounded["stream"]) == (5, True)


def test_gemini_talk_with_picture_tool_and_sampling() -> None:
    asked = {
        **CHAT,
        "messages": TALK,
        "tools": [WEATHER],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "max_tokens": 9,
        "temperature": 0.5,
        "stop": "END",
        "n": 2,
        "reasoning_effort": "low",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "a", "schema": {"type": "object"}},
        },
        "safety_settings": [{"category": "X", "threshold": "BLOCK_NONE"}],
    }

    request, body = send(K.GEMINI, asked, is_stream=True)

    assert request.url.endswith(":streamGenerateContent?alt=sse")
    assert body == {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "Look"},
                    {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                ],
            },
            {
                "role": "model",
                "parts": [
                    {
                        "functionCall": {"name": "weather", "args": {"city": "Paris"}},
                        "thoughtSignature": "c2ln",
                    }
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"name": "weather", "response": {"result": "sunny"}}},
                    {"text": "And?"},
                ],
            },
        ],
        "generationConfig": {
            "temperature": 0.5,
            "candidateCount": 2,
            "maxOutputTokens": 9,
            "stopSequences": ["END"],
            "responseMimeType": "application/json",
            "responseJsonSchema": {"type": "object"},
            "thinkingConfig": {"thinkingBudget": 1024},
        },
        "tools": [
            {
                "functionDeclarations": [
                    {
                        "name": "weather",
                        "description": "Tells it.",
                        "parametersJsonSchema": WEATHER["function"]["parameters"],  # type: ignore[index]
                    }
                ]
            }
        ],
        "toolConfig": {
            "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["weather"]}
        },
        "safetySettings": [{"category": "X", "threshold": "BLOCK_NONE"}],
    }


def test_gemini_embeds_each_text() -> None:
    _, body = send(K.GEMINI, {"input": ["a", "b"], "dimensions": 8}, Operation.EMBEDDINGS)

    assert body == {
        "requests": [
            {
                "model": "models/the model",
                "outputDimensionality": 8,
                "content": {"parts": [{"text": text}]},
            }
            for text in "ab"
        ]
    }


def test_ollama_talk_with_picture_tool_and_sampling() -> None:
    asked = {
        **CHAT,
        "messages": TALK,
        "tools": [WEATHER],
        "max_tokens": 9,
        "temperature": 0.5,
        "stop": ["END"],
        "response_format": {"type": "json_object"},
        "options": {"num_ctx": 8192},
        "keep_alive": "5m",
    }

    _, body = send(K.OLLAMA, asked, is_stream=True)

    assert body == {
        "model": "the model",
        "stream": True,
        "truncate": False,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Look", "images": ["AAAA"]},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Paris"}}}],
            },
            {"role": "tool", "content": "sunny", "tool_name": "weather"},
            {"role": "user", "content": "And?"},
        ],
        "tools": [WEATHER],
        "options": {"num_ctx": 8192, "temperature": 0.5, "num_predict": 9, "stop": ["END"]},
        "format": "json",
        "keep_alive": "5m",
    }


def test_tgi_completion_in_its_own_words() -> None:
    asked = {
        "prompt": "Once",
        "max_tokens": 9,
        "temperature": 0,
        "top_p": 1,
        "stop": "END",
        "seed": 4,
    }

    request, body = send(K.TGI, asked, Operation.COMPLETION, is_stream=True)

    assert request.url.endswith("/generate_stream")
    assert body == {
        "inputs": "Once",
        "parameters": {
            "seed": 4,
            "details": True,
            "max_new_tokens": 9,
            "return_full_text": False,
            "stop": ["END"],
        },
    }


@pytest.mark.parametrize(
    ("kind", "operation", "body", "error"),
    [
        (K.OLLAMA, Operation.EMBEDDINGS, {"input": [1, 2]}, NotOffered),
        (K.GEMINI, Operation.EMBEDDINGS, {"input": [[1, 2]]}, NotOffered),
        (K.TGI, Operation.COMPLETION, {"prompt": ["a", "b"]}, Invalid),
        (K.OLLAMA, Operation.COMPLETION, {"prompt": 5}, Invalid),
        (K.GEMINI, Operation.COMPLETION, {"prompt": [1]}, Invalid),
        (K.GEMINI, Operation.CHAT, {"messages": "Hello"}, Invalid),
        (K.GEMINI, Operation.CHAT, {"messages": [{"role": "nobody"}]}, Invalid),
        (K.OLLAMA, Operation.CHAT, {"messages": [{"role": "user", "content": 5}]}, Invalid),
        (
            K.OLLAMA,
            Operation.CHAT,
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image_url", "image_url": {"url": "http://x/a.png"}}],
                    }
                ]
            },
            NotOffered,
        ),
    ],
)
def test_what_a_kind_cannot_do_is_said(
    kind: ProviderKind, operation: Operation, body: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        send(kind, body, operation)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["text", "image_url", "user", "assistant", "tool", "function", "auto", "json_schema"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["type", "role", "content", "text", "image_url", "url", "tool_calls", "tool_call_id", "function", "arguments", "name", "id", "parameters", "json_schema", "schema"]), inner, max_size=5),
    max_leaves=15,
)  # fmt: skip
bodies = st.dictionaries(
    st.sampled_from(["messages", "prompt", "input", "tools", "tool_choice", "stop", "n", "max_tokens", "temperature", "response_format", "options", "top_p", "stream_options", "reasoning_effort"]), values
)  # fmt: skip


@settings(deadline=None)
@given(body=bodies, messages=st.none() | st.lists(values, max_size=3))
def test_any_body_at_all_is_sent_or_refused(
    body: dict[str, Any], messages: list[Any] | None
) -> None:
    if messages is not None:
        body = {**body, "messages": messages}
    for kind in ProviderKind:
        for operation in registry.adapter_for(kind).operations:
            with suppress(Invalid):
                send(kind, body, operation, is_stream=True)


@pytest.mark.parametrize(
    ("kind", "listed", "found"),
    [
        (
            K.VLLM,
            {"data": [{"id": "qwen", "max_model_len": 4096, "owned_by": "vllm"}]},
            [("qwen", 4096, {"owned_by": "vllm"})],
        ),
        (
            K.LLAMA_CPP,
            {"data": [{"id": "x", "meta": {"n_ctx": 2048, "n_ctx_train": 8192}}]},
            [("x", 2048, {})],
        ),
        (K.OPENAI_COMPATIBLE, {"data": [{"id": "a/b", "context_length": 9}]}, [("a/b", 9, {})]),
        (K.OPENAI, {"data": [{"id": "gpt"}, {"id": 5}, {}]}, [("gpt", None, {})]),
        (
            K.ANTHROPIC,
            {"data": [{"id": "claude", "display_name": "Claude", "type": "model"}]},
            [("claude", None, {"display_name": "Claude"})],
        ),
        (
            K.GEMINI,
            {"models": [{"name": "models/g", "inputTokenLimit": 9, "outputTokenLimit": 3}]},
            [("g", 9, {"max_output_tokens": 3})],
        ),
        (
            K.OLLAMA,
            {"models": [{"name": "l:1b", "details": {"parameter_size": "1B", "family": "l"}}]},
            [("l:1b", None, {"family": "l", "parameter_size": "1B"})],
        ),
        (
            K.TGI,
            {"model_id": "t", "max_total_tokens": 9, "version": "3"},
            [("t", 9, {"version": "3"})],
        ),
    ],
)
def test_models_are_found(kind: ProviderKind, listed: Any, found: list[Any]) -> None:
    models = registry.adapter_for(kind).models(json.dumps(listed).encode())

    assert [(model.name, model.context_tokens, dict(model.details)) for model in models] == found
