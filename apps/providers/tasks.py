"""What workers do for this app."""

from __future__ import annotations

from typing import Any

from apps.jobs.domain.kinds import Context, handles
from apps.providers.gateway import background
from apps.providers.services.completions import COMPLETION, CompletionPayload


@handles(COMPLETION)
def complete(context: Context, payload: CompletionPayload) -> Any:
    return background.complete_for_job(context, payload.call())
