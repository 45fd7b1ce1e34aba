"""Which deployments are well, as this process has met them: those that fail rest a while and are passed over.

More than half of at least five calls in the last minute failed, or three in a row: five seconds of rest, twice as
long at each relapse, a minute at most. A `Retry-After` of the upstream is kept to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from apps.providers.domain.tables import DeploymentView

WINDOW = 60.0
SLICE = 10.0
LEAST_CALLS = 5
IN_A_ROW = 3
FIRST_REST = 5.0
LONGEST_REST = 60.0
CAPACITY = 10_000

Name = tuple[str, int, int]


@dataclass(slots=True)
class Record:
    slices: list[list[float]] = field(default_factory=list)
    """`[number of the slice, calls, failures]`, oldest first."""
    in_a_row: int = 0
    rest: float = 0.0
    """How long the last rest was; 0 since it has been well again."""
    rests_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How a deployment fared in the last minute, as this process has met it."""

    calls: int = 0
    failures: int = 0
    rests_seconds: float = 0.0
    """For how long it is still passed over; 0 when it is well."""


class Health:
    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._records: dict[Name, Record] = {}

    def is_well(self, deployment: DeploymentView) -> bool:
        record = self._records.get(_name(deployment))
        return record is None or record.rests_until <= self._clock()

    def standing(self, deployment: str, revision: int, provider_revision: int) -> Standing:
        """For people to look at; any thread may ask."""
        record = self._records.get((deployment, revision, provider_revision))
        if record is None:
            return Standing()
        oldest = self._clock() // SLICE - WINDOW / SLICE
        slices = [part for part in list(record.slices) if part[0] > oldest]
        return Standing(
            calls=int(sum(part[1] for part in slices)),
            failures=int(sum(part[2] for part in slices)),
            rests_seconds=max(0.0, record.rests_until - self._clock()),
        )

    def note_success(self, deployment: DeploymentView) -> None:
        record = self._records.get(_name(deployment)) or self._open(deployment)
        record.in_a_row = 0
        record.rest = 0.0
        record.rests_until = 0.0
        self._count(record, failed=False)

    def note_failure(self, deployment: DeploymentView, retry_after: float | None = None) -> None:
        record = self._records.get(_name(deployment)) or self._open(deployment)
        record.in_a_row += 1
        self._count(record, failed=True)
        now = self._clock()
        if record.rests_until > now:
            return  # a call that began before the rest
        if retry_after is not None:
            record.rests_until = now + min(retry_after, LONGEST_REST)
        if record.in_a_row >= IN_A_ROW or self._fails_mostly(record):
            record.rest = min(LONGEST_REST, record.rest * 2 or FIRST_REST)
            record.rests_until = max(record.rests_until, now + record.rest)

    def forget(self) -> None:
        self._records.clear()

    def _open(self, deployment: DeploymentView) -> Record:
        while len(self._records) >= CAPACITY:
            self._records.pop(next(iter(self._records)))
        record = self._records[_name(deployment)] = Record()
        return record

    def _count(self, record: Record, *, failed: bool) -> None:
        number = self._clock() // SLICE
        slices = record.slices
        if not slices or slices[-1][0] != number:
            slices.append([number, 0, 0])
            while slices[0][0] <= number - WINDOW / SLICE:
                del slices[0]
        slices[-1][1] += 1
        slices[-1][2] += failed

    def _fails_mostly(self, record: Record) -> bool:
        calls = sum(part[1] for part in record.slices)
        failures = sum(part[2] for part in record.slices)
        return calls >= LEAST_CALLS and failures * 2 > calls


def _name(deployment: DeploymentView) -> Name:
    """A deployment that was changed starts anew: the change may be the cure."""
    return deployment.id, deployment.revision, deployment.provider.revision


health = Health()
