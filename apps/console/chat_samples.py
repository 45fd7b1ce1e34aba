"""A chat call from a program: curl, the official OpenAI clients of Python and JavaScript, at the reader's own address; and
in GraphQL, where the answer comes whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

EXAMPLE: dict[str, Any] = {"role": "user", "content": "Say hello to the northern line."}


def chat_body(fields: Mapping[str, Any], model: str = "") -> dict[str, Any]:
    """The body of a call, from what a form holds; what is empty is not sent."""
    messages = []
    if fields.get("system"):
        messages.append({"role": "system", "content": fields["system"]})
    if fields.get("message"):
        messages.append({"role": "user", "content": fields["message"]})
    named = ("temperature", "max_tokens", "seed")
    numbers = {name: fields[name] for name in named if fields.get(name) is not None}
    return {"model": fields.get("model") or model, "messages": messages, **numbers}


def chat_samples(request: HttpRequest, body: Mapping[str, Any]) -> list[dict[str, str]]:
    """Samples in the shape `components/as_code.html` takes, streaming; without messages, one to begin with."""
    base = f"{request.scheme}://{request.get_host()}/v1"
    shown = {**body, "messages": body["messages"] or [EXAMPLE]}
    return [
        {"key": "curl", "label": "curl", "text": _curl(base, shown)},
        {"key": "python", "label": "Python", "text": _python(base, shown)},
        {"key": "javascript", "label": "JavaScript", "text": _javascript(base, shown)},
        {"key": "graphql", "label": "GraphQL", "text": _graphql(shown)},
    ]


def _curl(base: str, body: Mapping[str, Any]) -> str:
    text = json.dumps({**body, "stream": True}, indent=2, ensure_ascii=False)
    return (
        f"curl -N {base}/chat/completions \\\n"
        '  -H "Authorization: Bearer $SIGNALBOX_API_KEY" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"  -d {_quoted(text)}"
    )


def _quoted(text: str) -> str:
    """For a shell, to the letter."""
    return "'" + text.replace("'", "'\\''") + "'"


def _python(base: str, body: Mapping[str, Any]) -> str:
    arguments = "".join(f"    {name}={value!r},\n" for name, value in body.items())
    return (
        "import os\n\nfrom openai import OpenAI\n\n"
        f'client = OpenAI(base_url="{base}", api_key=os.environ["SIGNALBOX_API_KEY"])\n'
        f"stream = client.chat.completions.create(\n{arguments}    stream=True,\n)\n"
        "for chunk in stream:\n"
        "    for choice in chunk.choices:\n"
        '        print(choice.delta.content or "", end="", flush=True)'
    )


def _graphql(body: Mapping[str, Any]) -> str:
    """A text of JSON's is one of GraphQL's; names stand without quotes there."""
    messages = "".join(
        f"      {{role: {_text(message['role'])}, content: {_text(message['content'])}}}\n"
        for message in body["messages"]
    )
    named = {"temperature": "temperature", "max_tokens": "maxTokens", "seed": "seed"}
    numbers = "".join(f"    {named[name]}: {body[name]}\n" for name in named if name in body)
    return (
        f"mutation {{\n  createCompletion(input: {{\n    model: {_text(body['model'])}\n"
        f"    messages: [\n{messages}    ]\n{numbers}  }}) {{\n"
        "    text finishReason usage { totalTokens } cost deployment\n  }\n}"
    )


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _javascript(base: str, body: Mapping[str, Any]) -> str:
    text = json.dumps({**body, "stream": True}, indent=2, ensure_ascii=False)
    return (
        'import OpenAI from "openai";\n\n'
        f'const client = new OpenAI({{ baseURL: "{base}", apiKey: process.env.SIGNALBOX_API_KEY }});\n'
        f"const stream = await client.chat.completions.create({text});\n"
        "for await (const chunk of stream) {\n"
        '  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");\n'
        "}"
    )
