"""Every provider's whole answers: what they say, and that whatever is wrong with them is told as one thing."""

from __future__ import annotations

import base64
import json
import struct
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.providers.adapters import registry
from apps.providers.adapters.protocol import UpstreamFailed
from apps.providers.domain.calls import UpstreamCall
from apps.providers.domain.kinds import KINDS
from apps.providers.enums import Dialect, Operation, ProviderKind
from apps.providers.errors import UpstreamInvalid
from tests.providers.adapters.samples import WHOLE, Sample
from tests.providers.adapters.test_streams import WRONG, paths, replaced, translation_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("sample", WHOLE, ids=str)
def test_answer_says_what_the_provider_said(sample: Sample) -> None:
    answer = sample.adapter.answer(sample.call, sample.data)

    assert (answer.text, answer.hidden) == (sample.text, sample.hidden)
    assert (answer.finish_reason, answer.usage) == (sample.finish, sample.usage)
    assert answer.raw in (b"", sample.data)


@pytest.mark.parametrize("sample", WHOLE, ids=str)
def test_answer_with_any_value_of_a_wrong_type_raises_nothing_else(sample: Sample) -> None:
    body = json.loads(sample.data)
    for path in paths(body):
        for wrong in WRONG:
            data = json.dumps(replaced(body, path, wrong)).encode()
            with suppress(UpstreamInvalid, UpstreamFailed):
                answer = sample.adapter.answer(sample.call, data)
                if (translation := translation_of(sample)) is not None:
                    translation.answer(answer)


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=200))
def test_answer_of_any_bytes_raises_nothing_else(data: bytes) -> None:
    for sample in WHOLE:
        with suppress(UpstreamInvalid, UpstreamFailed):
            sample.adapter.answer(sample.call, data)


NONE_AT_ALL = [
    b"",
    b"<html>",
    b"[]",
    b"null",
    b"{}",
    b'{"choices": []}',
    b'{"a"',
    b'{"a": "\xff"}',
    b"[" * 9000,
]


@pytest.mark.parametrize("data", NONE_AT_ALL)
@pytest.mark.parametrize("sample", WHOLE, ids=str)
def test_answer_that_is_none_is_invalid(sample: Sample, data: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        sample.adapter.answer(sample.call, data)


def test_error_with_status_200_is_a_failure() -> None:
    sample = Sample("none", ProviderKind.OPENAI_COMPATIBLE)

    with pytest.raises(UpstreamFailed) as raised:
        sample.adapter.answer(sample.call, b'{"error": {"message": "no credits", "code": 402}}')

    assert (raised.value.refusal.status, raised.value.refusal.message) == (402, "no credits")


@pytest.mark.parametrize(
    "usage",
    [
        '{"prompt_tokens": -1, "completion_tokens": 2}',
        '{"prompt_tokens": "9", "completion_tokens": 2}',
        '{"prompt_tokens": 1e30, "completion_tokens": 2}',
        '{"prompt_tokens": true, "completion_tokens": 2}',
        '"none"',
        "null",
    ],
)
def test_usage_that_cannot_be_believed_is_left_out(usage: str) -> None:
    sample = Sample("none", ProviderKind.OPENAI)
    body = f'{{"choices": [{{"message": {{"content": "a"}}}}], "usage": {usage}}}'

    assert sample.adapter.answer(sample.call, body.encode()).usage is None


def test_more_cached_tokens_than_tokens_is_all_of_them() -> None:
    sample = Sample("none", ProviderKind.OPENAI)
    usage = '{"prompt_tokens": 3, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 9}}'
    body = f'{{"choices": [{{"message": {{"content": "a"}}}}], "usage": {usage}}}'

    answer = sample.adapter.answer(sample.call, body.encode())

    assert answer.usage is not None
    assert answer.usage.cached_tokens == 3


def test_gemini_answer_in_openais_words() -> None:
    sample = next(one for one in WHOLE if one.name == "gemini_tools.json")

    body = sample.adapter.answer(sample.call, sample.data).body

    (choice,) = body["choices"]
    (call,) = choice["message"]["tool_calls"]
    assert choice["message"]["content"] == "I'll look."
    assert choice["message"]["reasoning_content"] == "Hm."
    assert call["function"] == {"name": "weather", "arguments": '{"city":"Paris"}'}
    assert call["extra_content"] == {"google": {"thought_signature": "c2ln"}}
    assert (body["id"], body["model"]) == ("chatcmpl-r1", "gemini-2.5-flash")
    assert body["usage"]["total_tokens"] == 52


@pytest.mark.parametrize("kind", [ProviderKind.OLLAMA, ProviderKind.GEMINI])
def test_embeddings_are_packed_when_asked(kind: ProviderKind) -> None:
    adapter = registry.adapter_for(kind)
    call = UpstreamCall(Operation.EMBEDDINGS, "m", {"input": "a", "encoding_format": "base64"})
    data = b'{"embeddings": [[0.25, -0.5]]}'
    if kind is ProviderKind.GEMINI:
        data = b'{"embeddings": [{"values": [0.25, -0.5]}]}'

    packed = adapter.answer(call, data).body["data"][0]["embedding"]
    plain = adapter.answer(replace(call, body={"input": "a"}), data).body["data"][0]["embedding"]

    assert struct.unpack("<2f", base64.b64decode(packed)) == (0.25, -0.5)
    assert plain == [0.25, -0.5]


def test_every_adapter_speaks_of_its_own_kind() -> None:
    for kind in ProviderKind:
        adapter = registry.adapter_for(kind)
        assert adapter.kind is kind
        assert (adapter.dialect is Dialect.ANTHROPIC) == (kind is ProviderKind.ANTHROPIC)
        assert (registry.transport_for(kind) is None) == KINDS[kind].is_remote
