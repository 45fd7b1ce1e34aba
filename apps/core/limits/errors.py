"""The one way a limit store can fail."""

from __future__ import annotations


class LimitStoreUnavailable(Exception):
    """The store did not answer in time; the caller lets the call pass or refuses it.

    Whether the hit was charged is unknown when the answer was lost on the way.
    """
