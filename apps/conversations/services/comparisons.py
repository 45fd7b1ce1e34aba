"""One prompt to several models at once, and which answer was the better one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from apps.conversations import topics
from apps.conversations.domain import terms
from apps.conversations.models import Comparison, Contender
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import comparisons as queries
from apps.conversations.queries.comparisons import TIE, ComparisonView
from apps.conversations.services import conversations, messages
from apps.conversations.services.messages import Begun
from apps.core import bus
from apps.core.actor import Actor
from apps.core.errors import Conflict, Invalid, NotFound, WrongFields
from apps.core.permissions import require

FEWEST, MOST = 2, 4
SETTLES_AFTER = timedelta(days=1)
"""So long somebody may think better of it; then whoever counts choices may go by it."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison and the answers that are to be written now, one a model."""

    comparison: Comparison
    begun: list[Begun]


def begin_comparison(
    *, actor: Actor, prompt: str, models: Sequence[str], system_prompt: str = ""
) -> Compared:
    """Ask each model in a conversation of its own. All are begun, or none.

    Raises `Invalid` (also for a model that is not there, by its place), `PermissionDenied`.
    """
    require(actor, ConversationsPermission.CREATE)
    prompt = terms.check_text(prompt, "prompt", longest=terms.LONGEST_MESSAGE)
    _check_models(actor, models)
    with transaction.atomic():
        comparison = Comparison.objects.create(
            organization_id=actor.organization_id, owner=actor.principal, prompt=prompt
        )
        begun = [
            _ask(actor, comparison, model, position, system_prompt)
            for position, model in enumerate(models)
        ]
        _tell(topics.COMPARISON_CREATED, actor, comparison, {"models": list(models)})
    return Compared(comparison, begun)


def choose(*, actor: Actor, comparison_id: str, model: str) -> ComparisonView:
    """Say whose answer was the better one, or `tie`. Within a day of the first word another may be said.

    Raises `NotFound`, `Invalid` for what did not take part or did not answer, `Conflict` while answers are being
    written and when the choice has settled.
    """
    require(actor, ConversationsPermission.CREATE)
    with transaction.atomic():
        rows = Comparison.objects.select_for_update(no_key=True)
        comparison = rows.filter(owner=actor.principal, public_id=comparison_id).first()
        if comparison is None:
            raise NotFound
        view = queries.view_of(comparison)
        _check_choice(view, model)
        if comparison.chosen != model:
            before = comparison.chosen
            comparison.chosen = model
            comparison.chosen_at = comparison.chosen_at or timezone.now()
            comparison.save(update_fields=["chosen", "chosen_at"])
            _tell(
                topics.COMPARISON_CHOSEN,
                actor,
                comparison,
                {"chosen": model},
                {"chosen": before} if before else None,
            )
    return view


def _ask(
    actor: Actor, comparison: Comparison, model: str, position: int, system_prompt: str
) -> Begun:
    conversation = conversations.create_conversation(
        actor=actor,
        model=model,
        title=None,
        system_prompt=system_prompt,
    )
    begun = messages.write_message(
        actor=actor, conversation_id=conversation.public_id, content=comparison.prompt
    )
    Contender.objects.create(
        organization_id=actor.organization_id,
        comparison=comparison,
        model=model,
        position=position,
        conversation=begun.conversation,
        answer=begun.message,
    )
    return begun


def _check_models(actor: Actor, models: Sequence[str]) -> None:
    if not FEWEST <= len(models) <= MOST:
        raise Invalid.field("models", f"must name {FEWEST} to {MOST} models", "length")
    if len(set(models)) < len(models):
        raise Invalid.field("models", "names a model twice", "unique")
    wrong = WrongFields()
    for index, model in enumerate(models):
        with wrong.gathered():
            try:
                conversations.check_model(actor, model)
            except Invalid as error:
                first = error.fields[0]
                raise Invalid.field(f"models.{index}", first.message, first.type) from None
            if model == TIE:
                raise Invalid.field(f"models.{index}", "is the word for no choice here", "choice")
    wrong.refuse()


def _check_choice(view: ComparisonView, model: str) -> None:
    if not view.is_complete:
        raise Conflict("Not all answers are there yet.", code="comparison_running")
    sides = {side.model: side for side in view.sides}
    if model != TIE and model not in sides:
        said = f"must be one of {', '.join([*sides, TIE])}"
        raise Invalid.field("model", said, "choice")
    if model != TIE and not sides[model].standing.content:
        raise Invalid.field("model", "gave no answer", "no_answer")
    settled = view.comparison.chosen_at
    is_settled = settled is not None and settled + SETTLES_AFTER < timezone.now()
    if is_settled and model != view.comparison.chosen:
        raise Conflict("The choice was made more than a day ago.", code="choice_settled")


def _tell(
    topic: str,
    actor: Actor,
    comparison: Comparison,
    after: dict[str, object],
    before: dict[str, object] | None = None,
) -> None:
    bus.publish(
        bus.Fact(
            topic,
            organization_id=comparison.organization_id,
            actor=actor,
            object_id=comparison.public_id,
            before=before,
            after=after,
        )
    )
