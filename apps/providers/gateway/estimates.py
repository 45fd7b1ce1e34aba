"""What calls come to as a rule, learned from those that ended: for reservations, slots and cut streams."""

from __future__ import annotations

from dataclasses import dataclass

from apps.providers.domain.calls import Call, Usage
from apps.providers.domain.tables import DeploymentView
from apps.providers.domain.tokens import (
    BYTES_PER_TOKEN,
    bound_prompt,
    estimate_prompt,
    estimate_text,
)
from apps.providers.enums import Operation

WEIGHT = 0.1
"""Of the newest call in the running means."""
USUAL_COMPLETION = 256
"""Tokens of an answer before anything was learned."""
MOST_COMPLETION = 4096
"""What an answer is reserved at when neither the caller nor the deployment bounds it."""
CAPACITY = 10_000
FRAME_TOKENS = 64
"""What a chat template may add to a short conversation, beyond what the JSON around each message is longer by."""
TOKEN_BYTES = 8
"""Pieces of a stream shorter than this on the whole are a token each; longer ones are counted by their text."""


@dataclass(slots=True)
class Habit:
    ratio: float = 1.0
    """Prompt tokens as the upstream counted them, to our estimate."""
    completion: float = USUAL_COMPLETION
    prompts: int = 0
    completions: int = 0
    """How many were learned from: the first counts for all, so that a guess of ours refuses nobody for long."""


_habits: dict[str, Habit] = {}


def habit_of(deployment: DeploymentView) -> Habit:
    habit = _habits.get(deployment.id)
    if habit is None:
        while len(_habits) >= CAPACITY:
            _habits.pop(next(iter(_habits)))
        habit = _habits[deployment.id] = Habit()
    return habit


def learn(deployment: DeploymentView, estimated_prompt: int, usage: Usage) -> None:
    """Take in what a call came to by its upstream's own count."""
    habit = habit_of(deployment)
    if estimated_prompt > 0 and usage.prompt_tokens > 0:
        habit.prompts += 1
        weight = max(WEIGHT, 1 / habit.prompts)
        habit.ratio += weight * (usage.prompt_tokens / estimated_prompt - habit.ratio)
    if usage.completion_tokens > 0:
        habit.completions += 1
        weight = max(WEIGHT, 1 / habit.completions)
        habit.completion += weight * (usage.completion_tokens - habit.completion)


def forget() -> None:
    _habits.clear()


def most_completion(call: Call, deployment: DeploymentView) -> int:
    """How long the answer can be at most, all choices together."""
    if call.operation is Operation.EMBEDDINGS:
        return 0
    asked = asked_completion(call)
    bound = deployment.max_output_tokens
    most = asked if asked is not None else bound or MOST_COMPLETION
    if bound is not None:
        most = min(most, bound)
    return most * choices(call)


def likely_completion(call: Call, deployment: DeploymentView) -> int:
    usual = int(habit_of(deployment).completion) * choices(call)
    return min(usual, most_completion(call, deployment))


def asked_completion(call: Call) -> int | None:
    body = call.body
    asked = body.get("max_completion_tokens") or body.get("max_tokens")
    return asked if isinstance(asked, int) else None


def bounded_prompt(call: Call) -> int:
    """Never fewer tokens than the prompt has: JSON around it makes a body longer than its texts."""
    return call.plain_bytes + FRAME_TOKENS if call.plain_bytes else bound_prompt(call.body)


def estimated_prompt(call: Call) -> int:
    """What we would count; how far that is off at a deployment is learned."""
    if call.plain_bytes:
        return call.plain_bytes // BYTES_PER_TOKEN + 1
    return estimate_prompt(call.body)


def likely_prompt(call: Call, deployment: DeploymentView) -> int:
    return int(estimated_prompt(call) * habit_of(deployment).ratio) + 1


def streamed_completion(events: int, size: int) -> int:
    """Tokens of a stream that broke off, from how many pieces of text came and how long they were together."""
    if events and size <= events * TOKEN_BYTES:
        return events
    return max(events, -(-size // 4))


def counted(call: Call, text: str, completion: int | None = None, prefill: str = "") -> Usage:
    """Usage by our own count, marked as such."""
    tokens = estimate_text(text) if completion is None else completion
    return Usage(estimate_prompt(call.body) + estimate_text(prefill), tokens, is_estimated=True)


def choices(call: Call) -> int:
    """How many answers are written for one prompt."""
    body = call.body
    count = body.get("n") if isinstance(body.get("n"), int) else 1
    best = body.get("best_of")
    many = max(count or 1, best if isinstance(best, int) else 1)
    prompts = body.get("prompt")
    if isinstance(prompts, list) and prompts and not isinstance(prompts[0], int):
        many *= len(prompts)
    return many
