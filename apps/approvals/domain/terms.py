"""The terms of an approval: how many, by whom, for how long; and which policy a subject falls under."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Protocol

from apps.core.errors import Invalid

MAX_QUORUM = 20
MAX_APPROVERS = 100
MIN_SECONDS = 60
MAX_SECONDS = 90 * 86_400
MAX_SELECTOR = 200
ANYTHING = "*"
_KIND = re.compile(r"[a-z][a-z0-9_]{0,38}\.[a-z][a-z0-9_]{0,38}").fullmatch
_USER = re.compile(r"user_[0-9a-f]{32}").fullmatch


@dataclass(frozen=True, slots=True)
class Terms:
    """What a single asker may demand beside the policies (a rollout's own `policy`)."""

    quorum: int = 1
    approvers: tuple[str, ...] = ()
    """Ids of users; empty is anyone with the approver grant."""
    expires_seconds: int | None = None


class PolicyLike(Protocol):
    pk: Any
    selector: str
    quorum: int


def check_kind(kind: str) -> str:
    """`noun.deed`: `model.promotion`, `rollout.start`, `rollout.stage`."""
    if not _KIND(kind):
        raise Invalid.field("kind", "must look like model.promotion", "format")
    return kind


def check_selector(selector: str) -> str:
    if not 0 < len(selector) <= MAX_SELECTOR or selector != selector.strip():
        raise Invalid.field("selector", f"must have 1 to {MAX_SELECTOR} characters", "length")
    if not selector.isprintable():
        raise Invalid.field("selector", "must not hold control characters", "control")
    return selector


def check_quorum(quorum: int) -> int:
    if not 1 <= quorum <= MAX_QUORUM:
        raise Invalid.field("quorum", f"must be 1 to {MAX_QUORUM}", "range")
    return quorum


def check_expiry(seconds: int | None) -> int | None:
    if seconds is not None and not MIN_SECONDS <= seconds <= MAX_SECONDS:
        raise Invalid.field("expires_seconds", f"must be {MIN_SECONDS} to {MAX_SECONDS}", "range")
    return seconds


def check_approvers(approvers: Sequence[str]) -> list[str]:
    """Each once, in the order given. Whether they exist is the service's to see."""
    if len(approvers) > MAX_APPROVERS:
        raise Invalid.field("approvers", f"must be at most {MAX_APPROVERS}", "length")
    for index, one in enumerate(approvers):
        if not _USER(one):
            raise Invalid.field(f"approvers.{index}", "must be the id of a user", "id")
    return list(dict.fromkeys(approvers))


def check_reach(quorum: int, approvers: Sequence[str]) -> None:
    """A quorum that nobody could reach would hold everything up for ever."""
    if approvers and quorum > len(approvers):
        raise Invalid.field("quorum", "is more than the people named as approvers", "range")


def choose(policies: Iterable[PolicyLike], name: str) -> Any:
    """The one that speaks of this name most closely: an exact name, then the longest pattern, then the higher quorum."""
    fitting = [each for each in policies if fnmatchcase(name, each.selector)]
    return max(fitting, key=lambda each: _closeness(each, name), default=None)


def _closeness(policy: PolicyLike, name: str) -> tuple[bool, int, int, int]:
    letters = sum(char not in "*?[]" for char in policy.selector)
    return policy.selector == name, letters, policy.quorum, -int(policy.pk)


def stricter(first: Terms, second: Terms) -> Terms:
    """Both demands at once; the first is the policy's, and an asker's may add to it, never take from it.

    Where the policy names people they are asked; an asker's own are where they are enough for the policy's quorum.
    """
    spans = [each for each in (first.expires_seconds, second.expires_seconds) if each is not None]
    quorum = max(first.quorum, second.quorum)
    approvers = first.approvers
    if approvers:
        quorum = min(quorum, len(approvers))
    elif len(second.approvers) >= quorum:
        approvers = second.approvers
    return Terms(quorum, approvers, min(spans, default=None))
