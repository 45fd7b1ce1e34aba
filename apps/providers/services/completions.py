"""Completions as jobs: what is kept of the call until a worker makes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from apps.core.actor import Actor
from apps.core.errors import AppError, Invalid
from apps.jobs.domain.kinds import Kind, declare
from apps.jobs.services import submissions
from apps.providers.domain import forms
from apps.providers.domain.calls import Call
from apps.providers.permissions import ProvidersPermission

if TYPE_CHECKING:
    from apps.jobs.models import Job

FORMS: Mapping[str, forms.Form] = {
    "chat": forms.CHAT,
    "completion": forms.COMPLETION,
    "embeddings": forms.EMBEDDINGS,
    "images": forms.IMAGES,
    "messages": forms.MESSAGES,
}


class CompletionPayload(BaseModel):
    """`body` is what the door of that name takes, without `stream`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    operation: Literal["chat", "completion", "embeddings", "images", "messages"] = "chat"
    body: dict[str, Any]
    session: str = Field(default="", max_length=255)
    cache_control: str = Field(default="", max_length=255)

    @model_validator(mode="after")
    def _fits(self) -> CompletionPayload:
        try:
            self.call()
        except Invalid as error:
            raise ValueError("; ".join(f"{f.field} {f.message}" for f in error.fields)) from None
        except AppError as error:
            raise ValueError(error.message) from None
        return self

    def call(self) -> Call:
        """Raises `Malformed` and `Invalid`."""
        call = forms.read_body(
            self.body,
            FORMS[self.operation],
            session=self.session,
            cache_control=self.cache_control,
        )
        if call.is_stream:
            raise Invalid.field("stream", "is for who waits for the answer", "choice")
        return call


COMPLETION = declare(
    Kind(
        "providers.completion",
        CompletionPayload,
        permission=ProvidersPermission.CALL,
        time_limit=1800.0,
        max_attempts=5,
        retry_pause=10.0,  # 10, 20, 40, 80 s: past the minute of a rate
    )
)


def submit_completion(*, actor: Actor, call: Call, body: Any) -> Job:
    """Queue a call that a door has read; `body` is what it was read from. Raises `QueueFull` and their kin."""
    operation = next(
        name
        for name, form in FORMS.items()
        if (form.operation, form.dialect) == (call.operation, call.dialect)
    )
    payload = {
        "operation": operation,
        "body": body,
        "session": call.session,
        "cache_control": call.cache_control[:255],
    }
    return submissions.submit(actor=actor, kind=COMPLETION.name, payload=payload)
