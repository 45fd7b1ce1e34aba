"""Errors of providers, in their own shapes: message without secrets, when to come back, whether it was too long."""

from __future__ import annotations

import json
import time
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.providers.adapters import refusals, registry
from apps.providers.domain.calls import Refusal
from apps.providers.enums import ProviderKind

pytestmark = pytest.mark.unit
K = ProviderKind
JSON = {"content-type": "application/json"}

OVERFLOWS = [
    (K.OPENAI, 400, {"error": {"message": "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.", "type": "invalid_request_error", "param": "messages", "code": "context_length_exceeded"}}),
    (K.OPENAI, 400, {"error": {"message": "Input tokens exceed the configured limit of 272000 tokens.", "type": "invalid_request_error", "code": None}}),
    (K.AZURE_OPENAI, 400, {"error": {"code": "context_length_exceeded", "message": "too many"}}),
    (K.VLLM, 400, {"object": "error", "message": "This model's maximum context length is 1024 tokens. However, you requested 1100 tokens", "type": "BadRequestError", "code": 400}),
    (K.VLLM, 400, {"error": {"message": "The decoder prompt (length 2000) is longer than the maximum model length of 1024.", "type": "BadRequestError", "code": 400}}),
    (K.SGLANG, 400, {"object": "error", "message": "The input (9000 tokens) is longer than the model's context length (4096 tokens).", "type": "BadRequestError", "code": 400}),
    (K.LLAMA_CPP, 400, {"error": {"code": 400, "message": "request (12031 tokens) exceeds the available context size (2048 tokens), try increasing it", "type": "exceed_context_size_error"}}),
    (K.ANTHROPIC, 400, {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 212345 tokens > 200000 maximum"}}),
    (K.ANTHROPIC, 400, {"type": "error", "error": {"type": "invalid_request_error", "message": "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input length or `max_tokens` and try again"}}),
    (K.GEMINI, 400, {"error": {"code": 400, "message": "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", "status": "INVALID_ARGUMENT"}}),
    (K.OLLAMA, 400, {"error": "the input length exceeds the context length"}),
    (K.TGI, 422, {"error": "Input validation error: `inputs` must have less than 1024 tokens. Given: 9000", "error_type": "validation"}),
    (K.TGI, 422, {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 2000 `inputs` tokens and 100 `max_new_tokens`", "error_type": "validation"}),
    (K.OPENAI_COMPATIBLE, 400, {"detail": "prompt is too long for this model"}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "status", "body"), OVERFLOWS)
def test_prompt_that_is_too_long_is_known_by_the_providers_words(
    kind: ProviderKind, status: int, body: dict[str, Any]
) -> None:
    refusal = registry.adapter_for(kind).refusal(status, JSON, json.dumps(body).encode())

    assert refusal.is_context_overflow
    assert refusal.status == status
    assert refusal.message


@pytest.mark.parametrize("kind", ProviderKind)
def test_other_refusals_are_no_overflow(kind: ProviderKind) -> None:
    adapter = registry.adapter_for(kind)
    body = b'{"error": {"message": "max_tokens is too large: 99999", "code": "invalid_value"}}'

    assert not adapter.refusal(400, JSON, body).is_context_overflow
    assert not adapter.refusal(
        429, JSON, b'{"error": "maximum context length"}'
    ).is_context_overflow


SHAPES = [
    (K.OPENAI, 401, {"error": {"message": "Incorrect API key provided: sk-abc123*****wxyz. You can find it.", "type": "invalid_request_error", "param": None, "code": "invalid_api_key"}}, "Incorrect API key provided: *** You can find it.", "invalid_api_key"),
    (K.OPENAI, 429, {"error": {"message": "You exceeded your current quota", "type": "insufficient_quota", "param": None, "code": "insufficient_quota"}}, "You exceeded your current quota", "insufficient_quota"),
    (K.VLLM, 404, {"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError", "param": None, "code": 404}, "The model `x` does not exist.", "NotFoundError"),
    (K.OPENAI_COMPATIBLE, 422, {"detail": [{"loc": ["body", "messages"], "msg": "Field required", "type": "missing"}]}, "body.messages: Field required", ""),
    (K.OPENAI_COMPATIBLE, 402, {"message": "Pay first"}, "Pay first", ""),
    (K.ANTHROPIC, 529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "req_1"}, "Overloaded", "overloaded_error"),
    (K.GEMINI, 503, {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}, "The model is overloaded.", "UNAVAILABLE"),
    (K.GEMINI, 429, [{"error": {"code": 429, "message": "Slow down.", "status": "RESOURCE_EXHAUSTED"}}], "Slow down.", "RESOURCE_EXHAUSTED"),
    (K.OLLAMA, 404, {"error": "model 'x' not found"}, "model 'x' not found", ""),
    (K.TGI, 429, {"error": "Model is overloaded", "error_type": "overloaded"}, "Model is overloaded", "overloaded"),
    (K.AZURE_OPENAI, 404, {"error": {"code": "DeploymentNotFound", "message": "No such deployment"}}, "No such deployment", "DeploymentNotFound"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "status", "body", "message", "code"), SHAPES)
def test_refusal_is_read_in_the_providers_shape(
    kind: ProviderKind, status: int, body: Any, message: str, code: str
) -> None:
    refusal = registry.adapter_for(kind).refusal(status, JSON, json.dumps(body).encode())

    assert (refusal.status, refusal.message, refusal.code) == (status, message, code)


def test_gemini_wrong_key_is_our_fault_and_its_wait_is_in_the_body() -> None:
    adapter = registry.adapter_for(K.GEMINI)
    wrong = {"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}}  # fmt: skip
    slow = {"error": {"code": 429, "message": "Slow.", "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}]}}  # fmt: skip

    assert adapter.refusal(400, JSON, json.dumps(wrong).encode()).status == 401
    assert adapter.refusal(429, JSON, json.dumps(slow).encode()).retry_after == 34.5
    assert adapter.refusal(429, {"retry-after": "2"}, json.dumps(slow).encode()).retry_after == 2


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"x-ms-retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "99999999"}, 86_400.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "Wed, 99 Oct 2015 07:28:00 GMT"}, None),
    ],
)
def test_when_to_come_back(headers: dict[str, str], seconds: float | None) -> None:
    assert refusals.retry_after(headers, time.time()) == seconds


def test_when_to_come_back_as_a_date() -> None:
    now = time.time()

    told = refusals.retry_after({"retry-after": formatdate(now + 30, usegmt=True)}, now)

    assert told is not None
    assert 28 < told < 31


@pytest.mark.parametrize(
    "said",
    [
        "key sk-proj-abcdefghijklmnop is wrong",
        "key sk-ant-api03-abcdefghijklmnop_x is wrong",
        "key AIzaSyA1234567890abcdefghijklmnopqrstu is wrong",
        "key 0123456789abcdef0123456789abcdef is wrong",
        "key hf_abcdefghijklmnopqrstuv is wrong",
        "key gsk_abcdefghijklmnopqrstuv is wrong",
    ],
)
def test_what_looks_like_a_key_is_masked(said: str) -> None:
    body = json.dumps({"error": {"message": said, "code": said}}).encode()

    refusal = registry.adapter_for(K.OPENAI).refusal(401, JSON, body)

    assert refusal.message == "key *** is wrong"
    assert refusal.code == "key *** is wrong"


def test_own_credential_is_masked_whatever_it_looks_like() -> None:
    refusal = Refusal(
        401, "no hunter2-secret here", "hunter2-secret", details={"param": "hunter2-secret"}
    )

    masked = refusals.masked(refusal, "hunter2-secret")

    assert (masked.message, masked.code, masked.details) == ("no *** here", "***", {"param": "***"})
    assert refusals.masked(refusal, "") is refusal
    assert refusals.masked(refusal, "no") is refusal


@pytest.mark.parametrize(
    ("headers", "body", "message"),
    [
        (
            {"content-type": "text/html"},
            b"<html><body>Bad gateway</body>",
            "The provider answered 502 and no more.",
        ),
        ({"content-type": "text/plain"}, b"upstream gone", "upstream gone"),
        ({}, b"upstream gone", "upstream gone"),
        ({}, b"<h1>Bad</h1>", "The provider answered 502 and no more."),
        ({}, b"\xff\xfe\x00\x01", "The provider answered 502 and no more."),
        (JSON, b'{"error": {"message": "cut', "The provider answered 502 and no more."),
        (JSON, b"", "The provider answered 502 and no more."),
    ],
)
def test_body_that_is_no_error_is_not_shown(
    headers: dict[str, str], body: bytes, message: str
) -> None:
    assert registry.adapter_for(K.OPENAI).refusal(502, headers, body).message == message


def test_long_message_is_cut_and_stays_on_one_line() -> None:
    body = json.dumps({"error": {"message": "a\nb\x00" + "z" * 5000}}).encode()

    message = registry.adapter_for(K.OPENAI).refusal(400, JSON, body).message

    assert message.startswith("a b z")
    assert len(message) == refusals.MOST_SHOWN + 1


@given(status=st.integers(300, 599), body=st.binary(max_size=200), text=st.text(max_size=40))
def test_refusal_of_any_bytes_never_raises(status: int, body: bytes, text: str) -> None:
    headers = {"content-type": text, "retry-after": text}
    for kind in ProviderKind:
        assert registry.adapter_for(kind).refusal(status, headers, body).status == status


@given(
    value=st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["error", "message", "detail", "code", "type", "details", "loc", "msg"]
                ),
                inner,
            )
        ),
        max_leaves=10,
    )
)
def test_refusal_of_any_json_never_raises(value: Any) -> None:
    body = json.dumps(value).encode()
    for kind in ProviderKind:
        assert isinstance(registry.adapter_for(kind).refusal(400, JSON, body).message, str)
