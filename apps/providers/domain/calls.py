"""What is asked of a model and what comes back, in words that every door, adapter and ledger shares.

A body stays the parsed JSON it came as, in the dialect it was written in, so that fields we do not know pass through.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from apps.providers.enums import Dialect, Operation


@dataclass(slots=True)
class Call:
    """One call as a door took it. `model` is the public name, a route; `body` is the caller's, already checked."""

    operation: Operation
    dialect: Dialect
    model: str
    body: dict[str, Any]
    is_stream: bool = False
    wants_usage: bool = False
    """Whether a stream's last chunk is to tell usage (`stream_options.include_usage`); we ask upstream regardless."""
    end_user: str = ""
    session: str = ""
    """What stickiness goes by when the route says so."""
    cache_control: str = ""
    """The caller's header: whether an answer that is kept will do, and whether this one may be kept."""
    provider: str = ""
    """Seed 000's form names one: the call goes to a deployment of that provider."""
    continues_text: str = ""
    """An answer that was begun before and is gone on with. It is not in `body`: each kind of provider is told of it in
    its own way (`domain.continuation`), and deployments that cannot go on are passed over. What comes is the rest alone,
    in a stream or whole; usage is that of this call. Not for answers with a shape, and never kept in the response cache.
    """
    plain_bytes: int = 0
    """How long the body was, where it holds nothing but text and is short: what it is in tokens follows from that.
    0: the body is to be looked through.
    """


@dataclass(slots=True)
class UpstreamCall:
    """The call as an adapter gets it: body in the adapter's dialect, the deployment's own name for the model."""

    operation: Operation
    model: str
    body: dict[str, Any]
    is_stream: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call. `is_estimated`: the upstream did not say, or the stream was cut, so we counted."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompt's, those that the upstream had in its cache."""
    is_estimated: bool = False

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(slots=True)
class Answer:
    """A whole answer, in the dialect of whoever gave it."""

    body: dict[str, Any]
    usage: Usage | None = None
    """None when the upstream said nothing of it."""
    finish_reason: str | None = None
    """In OpenAI's words, whatever the dialect: `stop`, `length`, `tool_calls`, `content_filter`."""
    text: str = ""
    hidden: str = ""
    """What was made beside the visible text (arguments of tool calls, reasoning): counted where nobody tells usage."""
    raw: bytes = b""
    """The body as it came, where that is `body` to the letter: it goes on unchanged and is not written anew."""


@dataclass(slots=True)
class Event:
    """One event of a stream, in the dialect of whoever gave it."""

    data: dict[str, Any]
    text: str = ""
    """What it adds to the visible answer."""
    hidden: str = ""
    """As in `Answer`."""
    usage: Usage | None = None
    """The latest word counts: some tell it growing, event by event."""
    finish_reason: str | None = None
    """As in `Answer`."""
    is_last: bool = False
    """The dialect's own word for the end was spoken. A stream that ends without is cut."""
    raw: bytes = b""
    """The JSON of `data` as it came, without line breaks; empty where it was made here."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error of the upstream, read. `message` has the credential masked and is safe to show."""

    status: int
    message: str
    code: str = ""
    """The upstream's own word, as `context_length_exceeded`."""
    retry_after: float | None = None
    is_context_overflow: bool = False
    details: dict[str, Any] = field(default_factory=dict)
