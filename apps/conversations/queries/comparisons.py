"""Comparisons: one's own, and for benchmarks what was chosen in all of an organisation's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch, QuerySet
from django.db.models.functions import Left
from django.utils import timezone

from apps.conversations.domain.answers import Standing
from apps.conversations.models import Comparison, Contender, Message
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries.standings import standings_of
from apps.core.actor import Actor
from apps.core.errors import NotFound
from apps.core.permissions import require
from apps.core.tenancy import organization_scope

TIE = "tie"
"""The choice of none."""
SHORT = 200
"""Characters of a prompt in a list."""
BATCH = 200


@dataclass(frozen=True, slots=True)
class Side:
    """One model's answer as it is now."""

    model: str
    conversation: str
    message: Message
    standing: Standing

    @property
    def is_ended(self) -> bool:
        return self.standing.ending is not None


@dataclass(frozen=True, slots=True)
class ComparisonView:
    comparison: Comparison
    sides: list[Side]

    @property
    def is_complete(self) -> bool:
        return all(side.is_ended for side in self.sides)


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody chose: `chosen` is one of the models of `answers`, or `tie`."""

    id: str
    prompt: str
    answers: dict[str, str]
    chosen: str
    chooser: str
    chosen_at: datetime


def comparisons(*, actor: Actor) -> QuerySet[Comparison]:
    """The actor's own, newest first, with a prompt's beginning as `short_prompt` and no answer."""
    require(actor, ConversationsPermission.VIEW)
    contenders = Contender.objects.select_related("conversation").only(
        "comparison_id", "model", "position", "conversation__public_id"
    )
    rows = Comparison.objects.filter(owner=actor.principal).defer("prompt")
    return rows.annotate(short_prompt=Left("prompt", SHORT)).prefetch_related(
        Prefetch("contenders", contenders)
    )


def comparison_of(*, actor: Actor, comparison_id: str) -> ComparisonView:
    """One of the actor's own, with its answers as they stand. Raises `NotFound`."""
    require(actor, ConversationsPermission.VIEW)
    found = Comparison.objects.filter(owner=actor.principal, public_id=comparison_id).first()
    if found is None:
        raise NotFound
    return view_of(found)


def view_of(comparison: Comparison) -> ComparisonView:
    """Of a row somebody holds already, and may see."""
    rows = Contender.objects.filter(comparison=comparison).select_related("conversation", "answer")
    contenders = list(rows)
    standings = standings_of([row.answer_id for row in contenders], timezone.now())
    sides = [
        Side(row.model, row.conversation.public_id, row.answer, standings[row.answer_id])
        for row in contenders
        if row.answer_id in standings
    ]
    return ComparisonView(comparison, sides)


def choices(organization_id: int) -> Iterator[Choice]:
    """Every choice made in an organisation, oldest first, whoever made it; for benchmarks.

    They hold what people wrote: whoever reads them has asked for a permission of their own. Where a conversation has
    been removed its answer is missing, and the choice is left out.
    """
    last = 0
    while True:
        with organization_scope(organization_id):
            rows = Comparison.objects.exclude(chosen="").filter(pk__gt=last).order_by("pk")
            batch = list(rows.prefetch_related("contenders__answer")[:BATCH])
        yield from (choice for row in batch if (choice := _choice(row)) is not None)
        if len(batch) < BATCH:
            return
        last = batch[-1].pk


def _choice(row: Comparison) -> Choice | None:
    answers = {one.model: one.answer.content for one in row.contenders.all()}
    is_whole = len(answers) > 1 and (row.chosen == TIE or row.chosen in answers)
    if not is_whole or row.chosen_at is None:
        return None
    return Choice(row.public_id, row.prompt, answers, row.chosen, row.owner, row.chosen_at)
