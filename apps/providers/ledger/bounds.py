"""Which bounds a call counts against: the organization's and end users' budgets beside the key's own.

What an organization has set is remembered per process and dropped when it changes (`budgets:<org>`), so that a warm
call touches no database.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from apps.core import changes
from apps.core.actor import CredentialKind, Identity
from apps.core.tenancy import unscoped
from apps.providers.domain.budgets import EVERYBODY, Bound, meter_of, to_nano
from apps.providers.enums import BudgetScope, Period
from apps.providers.models import Budget
from apps.providers.topics import BUDGETS_SCOPE


@dataclass(frozen=True, slots=True)
class Term:
    """A budget as it was set, of whatever period is running."""

    scope: BudgetScope
    subject: str
    period: Period
    nano: int | None
    tokens: int | None

    def bound(self, subject: str, at: datetime) -> Bound:
        return Bound(meter_of(self.scope, subject, self.period, at), self.nano, self.tokens)


Terms = tuple[Term, ...]

CAPACITY = 20_000
_known: dict[str, Terms] = {}
_last: dict[tuple[str, str], tuple[Terms, Identity, int, tuple[Bound, ...]]] = {}
"""What the last call of a credential came to, for as long as terms, identity and day are the same."""
_news = 0
_lock = Lock()


def recall(identity: Identity, end_user: str, at: datetime) -> tuple[Bound, ...] | None:
    """The bounds of a call made now, from memory; None when the organization's must be loaded first."""
    terms = _known.get(identity.organization)
    if terms is None or not changes.are_caches_trusted():
        return None
    if not terms and identity.budget is None:
        return ()
    name = (identity.credential.id, end_user)
    last = _last.get(name)
    day = at.toordinal()
    if last is not None and last[0] is terms and last[1] is identity and last[2] == day:
        return last[3]
    bounds = bounds_of(identity, terms, end_user, at)
    if len(_last) >= CAPACITY:
        _last.clear()
    _last[name] = terms, identity, day, bounds
    return bounds


def load(identity: Identity, end_user: str, at: datetime) -> tuple[Bound, ...]:
    """The same by the database, remembered for the next. Blocking: for the pool."""
    news = _news
    terms = _read(identity.organization_id)
    with _lock:
        if news == _news:  # no change came while it was read
            _known[identity.organization] = terms
    return bounds_of(identity, terms, end_user, at)


def bounds_of(
    identity: Identity, terms: Iterable[Term], end_user: str, at: datetime
) -> tuple[Bound, ...]:
    """One bound for each meter, organization's first; where two bound the same meter, the tighter of each side."""
    key = identity.credential.id if identity.credential.kind is CredentialKind.KEY else ""
    found = [term.bound("", at) for term in terms if term.scope is BudgetScope.ORGANIZATION]
    if key:
        found += [
            term.bound(key, at)
            for term in terms
            if term.scope is BudgetScope.KEY and term.subject == key
        ]
        if (own := identity.budget) is not None:
            meter = meter_of(BudgetScope.KEY, key, Period(own.period), at)
            found.append(Bound(meter, own.nano, own.tokens))
    if end_user:
        found += _end_user_bounds(terms, end_user, at)
    return _merged(found)


def _end_user_bounds(terms: Iterable[Term], end_user: str, at: datetime) -> list[Bound]:
    """A budget in the user's own name stands instead of everybody's for the same period."""
    by_period: dict[Period, Term] = {}
    for term in terms:
        if term.scope is not BudgetScope.END_USER or term.subject not in (end_user, EVERYBODY):
            continue
        if term.subject == end_user or term.period not in by_period:
            by_period[term.period] = term
    return [term.bound(end_user, at) for term in by_period.values()]


def _merged(bounds: list[Bound]) -> tuple[Bound, ...]:
    merged: dict[object, Bound] = {}
    for bound in bounds:
        other = merged.get(bound.meter, bound)
        nano, tokens = _tighter(bound.nano, other.nano), _tighter(bound.tokens, other.tokens)
        merged[bound.meter] = Bound(bound.meter, nano, tokens)
    return tuple(merged.values())


def _tighter(one: int | None, other: int | None) -> int | None:
    return min((each for each in (one, other) if each is not None), default=None)


def _read(organization_id: int) -> Terms:
    with unscoped(reason="named by number: the caller's own organisation, on any thread"):
        rows = Budget.objects.filter(organization_id=organization_id).order_by("pk")
        return tuple(_term(row) for row in rows)


def _term(row: Budget) -> Term:
    nano = None if row.amount is None else to_nano(row.amount)
    return Term(BudgetScope(row.scope), row.subject, Period(row.period), nano, row.tokens)


def forget(scope: str = BUDGETS_SCOPE) -> None:
    """Drop what is remembered of one organization, or with the bare scope of all."""
    global _news
    organization = scope.removeprefix(BUDGETS_SCOPE)
    with _lock:
        _news += 1
        if organization:
            _known.pop(organization, None)
        else:
            _known.clear()


changes.on_change(BUDGETS_SCOPE, forget)
