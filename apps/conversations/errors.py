"""What goes wrong in conversations, as members of the one error tree."""

from __future__ import annotations

from apps.core.errors import Conflict


class BranchBusy(Conflict):
    """An answer is being written on that branch; it is one at a time."""

    code = "branch_busy"
    message = "An answer is being written here. Stop it or wait for its end."


class NotContinuable(Conflict):
    """Only an answer that broke off, at the end of its branch, can be gone on with."""

    code = "not_continuable"
    message = "This answer did not break off with a text to go on from."
