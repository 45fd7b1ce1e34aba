"""The hot doors in the OpenAPI document: bodies and answers as JSON Schema, with examples that run."""

from __future__ import annotations

from apps.core.openapi.describe import Operation, Schema
from apps.core.openapi.shapes import ANYTHING, FLAG, NUMBER, TEXT, WHOLE, listed, shape

TAG = "models"
TEXTS: Schema = {"oneOf": [TEXT, listed(TEXT)]}
INPUTS: Schema = {"oneOf": [TEXT, listed(TEXT), listed(WHOLE), listed(listed(WHOLE))]}
MESSAGE: Schema = {
    "type": "object",
    "required": ["role"],
    "properties": {
        "role": {"type": "string", "enum": ["system", "developer", "user", "assistant", "tool"]},
        "content": {"oneOf": [TEXT, listed(ANYTHING)], "nullable": True},
        "tool_calls": listed(ANYTHING),
    },
    "additionalProperties": True,
}
USAGE: Schema = {
    "type": "object",
    "properties": dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"), WHOLE),
    "additionalProperties": True,
}
VARIABLES: Schema = {
    **ANYTHING,
    "description": "For the variables of the route's prompt; it does not go upstream.",
}
SAMPLING: Schema = {
    "temperature": NUMBER,
    "top_p": NUMBER,
    "n": WHOLE,
    "max_tokens": WHOLE,
    "stop": TEXTS,
    "presence_penalty": NUMBER,
    "frequency_penalty": NUMBER,
    "seed": WHOLE,
    "user": TEXT,
    "prompt_variables": VARIABLES,
    "stream": FLAG,
    "stream_options": {"type": "object", "properties": {"include_usage": FLAG}},
}
KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "maxLength": 255},
    "description": "The same key and body within a day gets the first answer again; a stream comes all at once.",
}
SESSION: Schema = {
    "name": "X-Session-ID",
    "in": "header",
    "schema": {"type": "string", "maxLength": 255},
    "description": "Keeps a session on one deployment where the route is sticky.",
}
PREFER: Schema = {
    "name": "Prefer",
    "in": "header",
    "schema": {"type": "string"},
    "description": "`respond-async`: answer 202 with the ticket of a job that makes the call.",
}
HEADERS = (
    "The answer's headers say how it went: `x-signalbox-deployment`, `-provider`, `-attempts`, `-fallback`, `-cost` "
    "(dollars), `-overhead-ms`, `-cache`, `-budget-remaining`, `-tokens-remaining`, and `X-RateLimit-*`. With "
    "`stream: true` the answer is `text/event-stream`."
)
USED: Schema = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}

CALL_REFUSALS = (404, 502, 503, 504)
"""A model that is not there, a provider that failed, none that is well, one that took too long."""

CHAT = Operation(
    "Chat with a model",
    shape(
        ("id", "object", "choices"),
        {"id": TEXT, "object": TEXT, "created": WHOLE, "model": TEXT, "choices": listed(ANYTHING), "usage": USAGE},
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1768473000,
            "model": "simulated",
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"}
            ],
            "usage": USED,
        },
    ),
    tag=TAG,
    body=shape(
        ("model", "messages"),
        {
            "model": TEXT,
            "messages": listed(MESSAGE),
            **SAMPLING,
            "max_completion_tokens": WHOLE,
            "tools": listed(ANYTHING),
            "tool_choice": {"oneOf": [TEXT, ANYTHING]},
            "response_format": ANYTHING,
        },
        {"model": "simulated", "messages": [{"role": "user", "content": "Hello!"}]},
    ),
    description=f"OpenAI's form. {HEADERS}",
    parameters=(KEY, SESSION, PREFER),
    refusals=CALL_REFUSALS,
)  # fmt: skip
COMPLETION = Operation(
    "Complete a text",
    shape(
        ("id", "object", "choices"),
        {"id": TEXT, "object": TEXT, "created": WHOLE, "model": TEXT, "choices": listed(ANYTHING), "usage": USAGE},
        {
            "id": "cmpl-1",
            "object": "text_completion",
            "created": 1768473000,
            "model": "simulated",
            "choices": [{"index": 0, "text": " Hello to you.", "finish_reason": "stop", "logprobs": None}],
            "usage": USED,
        },
    ),
    tag=TAG,
    body=shape(
        ("model", "prompt"),
        {
            "model": TEXT,
            "prompt": INPUTS,
            "provider": {
                "type": "string",
                "description": "A provider's name or kind: the call goes to a deployment of it.",
            },
            **SAMPLING,
            "suffix": TEXT,
            "echo": FLAG,
        },
        {"provider": "simulated", "model": "simulated", "prompt": "Hello, world!", "max_tokens": 100},
    ),
    description=f"OpenAI's form, and with `provider` a call of one provider's model. {HEADERS}",
    parameters=(KEY, SESSION, PREFER),
    refusals=CALL_REFUSALS,
)  # fmt: skip
EMBEDDINGS = Operation(
    "Embed texts",
    shape(
        ("object", "data"),
        {"object": TEXT, "data": listed(ANYTHING), "model": TEXT, "usage": USAGE},
        {
            "object": "list",
            "data": [{"object": "embedding", "index": 0, "embedding": [0.1, -0.2]}],
            "model": "simulated",
            "usage": {"prompt_tokens": 2, "total_tokens": 2},
        },
    ),
    tag=TAG,
    body=shape(
        ("model", "input"),
        {"model": TEXT, "input": INPUTS, "dimensions": WHOLE, "encoding_format": TEXT, "user": TEXT},
        {"model": "simulated", "input": "Hello, world!"},
    ),
    description="OpenAI's form.",
    parameters=(KEY, PREFER),
    refusals=CALL_REFUSALS,
)  # fmt: skip
IMAGES = Operation(
    "Make images",
    shape(("data",), {"created": WHOLE, "data": listed(ANYTHING)}, {"created": 1768473000, "data": [{"b64_json": "iVBOR…"}]}),
    tag=TAG,
    body=shape(
        ("model", "prompt"),
        {"model": TEXT, "prompt": TEXT, "n": WHOLE, "size": TEXT, "response_format": TEXT, "user": TEXT},
        {"model": "pictures", "prompt": "A signal box at dawn"},
    ),
    description="OpenAI's form, where the route's deployments make images.",
    parameters=(KEY, PREFER),
    refusals=CALL_REFUSALS,
)  # fmt: skip
MODEL = shape(
    ("id", "object", "created", "owned_by"),
    {"id": TEXT, "object": TEXT, "created": WHOLE, "owned_by": TEXT},
    {"id": "simulated", "object": "model", "created": 1768473000, "owned_by": "simulated"},
)
MODELS = shape(
    ("object", "data"),
    {"object": TEXT, "data": listed(MODEL)},
    {"object": "list", "data": [MODEL["example"]]},
)
TURNS: Schema = {
    "model": TEXT,
    "messages": listed(ANYTHING),
    "system": {"oneOf": [TEXT, listed(ANYTHING)]},
    "tools": listed(ANYTHING),
    "tool_choice": ANYTHING,
    "prompt_variables": VARIABLES,
}
MESSAGES = Operation(
    "Chat with a model, in Anthropic's form",
    shape(
        ("id", "type", "role", "content"),
        {
            "id": TEXT,
            "type": TEXT,
            "role": TEXT,
            "model": TEXT,
            "content": listed(ANYTHING),
            "stop_reason": TEXT,
            "usage": ANYTHING,
        },
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "simulated",
            "content": [{"type": "text", "text": "Hello!"}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 9, "output_tokens": 3},
        },
    ),
    tag=TAG,
    body=shape(
        ("model", "max_tokens", "messages"),
        {
            **TURNS,
            "max_tokens": WHOLE,
            "stop_sequences": listed(TEXT),
            "temperature": NUMBER,
            "top_p": NUMBER,
            "top_k": WHOLE,
            "stream": FLAG,
            "metadata": ANYTHING,
        },
        {
            "model": "simulated",
            "max_tokens": 100,
            "messages": [{"role": "user", "content": "Hello!"}],
        },
    ),
    description=f"Whichever provider answers. {HEADERS}",
    parameters=(KEY, SESSION, PREFER),
    refusals=CALL_REFUSALS,
)
COUNT = Operation(
    "Count the tokens of a prompt, in Anthropic's form",
    shape(("input_tokens",), {"input_tokens": WHOLE}, {"input_tokens": 11}),
    tag=TAG,
    body=shape(
        ("model", "messages"),
        TURNS,
        {"model": "simulated", "messages": [{"role": "user", "content": "Hello!"}]},
    ),
    description="An estimate of ours: nothing goes upstream and nothing is paid.",
    refusals=(404,),
)
