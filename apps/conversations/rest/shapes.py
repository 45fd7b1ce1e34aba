"""What the coroutine doors of answers take and give, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from apps.conversations.rest import examples
from apps.core.openapi.describe import Operation

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
STREAM: Schema = {
    "type": "boolean",
    "description": "true: the answer as server-sent events, as it comes; without it `Accept` decides.",
}
MODEL: Schema = {
    "type": "string",
    "maxLength": 50,
    "nullable": True,
    "description": "Another route for this answer alone.",
}
ATTACHMENTS: Schema = {
    "type": "array",
    "items": TEXT,
    "nullable": True,
    "description": "Ids of uploads.",
}
CONTENT: Schema = {"type": "string", "description": "Words; may be empty beside attachments."}
MESSAGE: Schema = {
    "allOf": [{"$ref": "#/components/schemas/Message"}],
    "example": examples.MESSAGE,
}
KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "maxLength": 255},
    "description": "The same key and body within a day is the same answer, whether it has ended or not.",
}
STREAMS = (
    "As a stream: `start {status, messageId, conversationId, offset, context}`, `token {content}`, "
    "`reasoning {content}`, `tool_calls {tool_calls}`, `usage {prompt, completion, cost}`, then "
    "`done {messageId, totalTokens, status}` or `error {message, code}`; comments keep it alive. Each event's id is an "
    "offset into the text: `GET …/messages` with `Last-Event-ID` goes on from there, at any process, at any time. "
    "The answer belongs to the server: hanging up does not end it. "
)
CALL_REFUSALS = (404, 409, 502, 503, 504)
"""A message or model that is not there, a busy branch, a provider that failed or took too long."""


def _object(required: tuple[str, ...], properties: Schema, example: Schema) -> Schema:
    return {
        "type": "object",
        "required": list(required),
        "properties": properties,
        "additionalProperties": False,
        "example": example,
    }


def _beginning(summary: str, body: Schema, description: str = "") -> Operation:
    return Operation(
        summary,
        MESSAGE,
        tag="conversations",
        body=body,
        status=201,
        description=f"{description}{STREAMS}Otherwise 201 with the whole answer.",
        parameters=(KEY,),
        refusals=CALL_REFUSALS,
    )


WRITE = _beginning(
    "Say something and get its answer",
    _object(
        ("content",),
        {
            "content": CONTENT,
            "parent_id": {
                "type": "string",
                "nullable": True,
                "description": "Under which message; by default the end of the active branch.",
            },
            "attachments": ATTACHMENTS,
            "model": MODEL,
            "stream": STREAM,
        },
        {"content": "What does a signal box do?"},
    ),
)
EDIT = _beginning(
    "Say it differently",
    _object(
        ("content",),
        {"content": CONTENT, "attachments": ATTACHMENTS, "model": MODEL, "stream": STREAM},
        {"content": "What did a signal box do in 1900?"},
    ),
    "A message beside the old one and a new answer: a branch of its own. ",
)
REGENERATE = _beginning(
    "Get another answer",
    _object((), {"model": MODEL, "stream": STREAM}, {}),
    "It stands beside the old one. ",
)
CONTINUE = _beginning(
    "Go on with an answer that broke off",
    _object((), {"stream": STREAM}, {}),
    "It goes on in the same message; of what is interrupted, stopped, or failed with a text. ",
)
STOP = Operation(
    "Stop an answer",
    MESSAGE,
    tag="conversations",
    description=(
        "Ends the call upstream, on whichever process it runs, and answers the message with the text so far. What has "
        "ended already is answered as it is."
    ),
    refusals=(404,),
)
CHAT = Operation(
    "Chat in one call",
    _object(
        ("conversation_id", "message"),
        {"conversation_id": TEXT, "message": MESSAGE},
        {"conversation_id": examples.CONVERSATION["id"], "message": examples.MESSAGE},
    ),
    tag="conversations",
    body=_object(
        ("message",),
        {
            "message": CONTENT,
            "conversation_id": {
                "type": "string",
                "nullable": True,
                "description": "Without one, a conversation is begun; then `model` is needed.",
            },
            "model": MODEL,
            "stream": STREAM,
        },
        {"message": "Hello", "model": "simulated"},
    ),
    status=201,
    description=f"{STREAMS}Also at `/api/chat`.",
    parameters=(KEY,),
    refusals=CALL_REFUSALS,
)
