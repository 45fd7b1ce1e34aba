"""Asking the serving processes to load models, from a process that serves nothing itself (`manage.py warm_models`).

The question is a change mark, which each of them hears within half a second; so is what they answer. Nobody keeps a list
of them, so what can be said is how many were seen to answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic, sleep

from django.db import transaction

from apps.core import changes
from apps.core.actor import Actor
from apps.core.errors import NotFound
from apps.core.permissions import require
from apps.models.errors import NoProductionVersion, UnknownModel
from apps.models.models import ModelVersion
from apps.models.permissions import ModelsPermission
from apps.models.queries import batches as queries
from apps.models.topics import WARM_FAILED_SCOPE, WARM_SCOPE, WARMED_SCOPE

LOOK_SECONDS = 0.1
OTHERS_SECONDS = 2.0
"""How long those that have not answered yet are waited for once one has."""


@dataclass(slots=True)
class Asked:
    """One model, and what was heard of it so far."""

    version: ModelVersion
    place: str
    loaded: int = 0
    failed: int = 0
    _known: dict[str, int] = field(default_factory=dict)

    def take(self, numbers: dict[str, int]) -> bool:
        """Whether there is anything new among the marks."""
        is_news = False
        for scope in (WARMED_SCOPE + self.place, WARM_FAILED_SCOPE + self.place):
            number = numbers.get(scope, 0)
            if number > self._known.get(scope, 0):
                self._known[scope] = number
                self.loaded += scope.startswith(WARMED_SCOPE)
                self.failed += scope.startswith(WARM_FAILED_SCOPE)
                is_news = True
        return is_news

    def begin(self, numbers: dict[str, int]) -> None:
        """What was answered to somebody before is no answer to us."""
        self.take(numbers)
        self.loaded = self.failed = 0

    @property
    def is_answered(self) -> bool:
        return bool(self.loaded + self.failed)


def warm_models(
    *,
    actor: Actor,
    names: Sequence[str],
    seconds: float,
    wait: Callable[[float], None] = sleep,
) -> list[Asked]:
    """Ask for the versions in production, and wait until somebody has loaded each and a little for the others.

    Raises `PermissionDenied`, `NotFound`, `NoProductionVersion`, `NotReady`, before anybody is asked.
    """
    require(actor, ModelsPermission.VIEW)
    asked = [_asked(actor, name) for name in dict.fromkeys(names)]
    for one in asked:
        one.begin(_numbers(asked))
    for one in asked:
        with transaction.atomic():
            changes.announce_change(WARM_SCOPE + one.place)
    _listen(asked, seconds, wait)
    return asked


def _asked(actor: Actor, name: str) -> Asked:
    try:
        version = queries.version_for(actor=actor, name=name, tag=None)
    except NoProductionVersion:
        raise
    except NotFound:
        raise UnknownModel(f"There is no model {name}.") from None
    return Asked(version, f"{actor.identity.organization}:{version.model.public_id}")


def _listen(asked: Sequence[Asked], seconds: float, wait: Callable[[float], None]) -> None:
    until = monotonic() + seconds
    heard_at = monotonic()
    while (now := monotonic()) < until:
        numbers = _numbers(asked)
        if sum(one.take(numbers) for one in asked):
            heard_at = now
        if all(one.is_answered for one in asked) and now - heard_at > OTHERS_SECONDS:
            return
        wait(LOOK_SECONDS)


def _numbers(asked: Sequence[Asked]) -> dict[str, int]:
    scopes = [head + one.place for one in asked for head in (WARMED_SCOPE, WARM_FAILED_SCOPE)]
    return changes.numbers_of(scopes)
