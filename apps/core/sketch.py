"""A mergeable sketch of a distribution: how many values fell into buckets that grow by two hundredths.

Any quantile it tells is within one hundredth of a value that lies at that place, however many sketches were merged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil, log
from typing import Final

ERROR: Final = 0.01
_GROWTH: Final = (1 + ERROR) / (1 - ERROR)
_LOG_GROWTH: Final = log(_GROWTH)
_SMALLEST: Final = 0.001
"""Everything below falls into one bucket: a thousandth of a millisecond."""


class Sketch:
    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        self._counts: dict[int, int] = dict(counts or {})

    @classmethod
    def read(cls, kept: Mapping[str, int]) -> Sketch:
        """From a JSON column."""
        return cls({int(bucket): count for bucket, count in kept.items()})

    def kept(self) -> dict[str, int]:
        return {str(bucket): count for bucket, count in sorted(self._counts.items())}

    def add(self, value: float) -> None:
        bucket = ceil(log(max(value, _SMALLEST)) / _LOG_GROWTH)
        self._counts[bucket] = self._counts.get(bucket, 0) + 1

    def merge(self, other: Sketch) -> None:
        for bucket, count in other._counts.items():
            self._counts[bucket] = self._counts.get(bucket, 0) + count

    @property
    def count(self) -> int:
        return sum(self._counts.values())

    @property
    def mean(self) -> float | None:
        """Within one hundredth, as quantiles are; None when there is nothing."""
        total = sum(_middle(bucket) * count for bucket, count in self._counts.items())
        return total / self.count if self._counts else None

    def quantile(self, share: float) -> float | None:
        """The value below which that share of all lies; None when there is none."""
        values = self.quantiles([share])
        return values[0]

    def quantiles(self, shares: Iterable[float]) -> list[float | None]:
        """Several at once; the shares in rising order."""
        total, ordered = self.count, sorted(self._counts.items())
        found: list[float | None] = []
        below, at = 0, 0
        for share in shares:
            rank = max(1, ceil(share * total))
            while at < len(ordered) and below + ordered[at][1] < rank:
                below += ordered[at][1]
                at += 1
            found.append(_middle(ordered[at][0]) if at < len(ordered) else None)
        return found


def _middle(bucket: int) -> float:
    """The point of a bucket that is farthest from neither edge, relatively."""
    return 2 * _GROWTH**bucket / (_GROWTH + 1)
