"""What goes wrong in conversations, as members of the one error tree."""

from __future__ import annotations

from apps.core.errors import Conflict


class BranchBusy(Conflict):
    """An answer is being written on that branch; it is one at a time."""

    code = "branch_busy"
    message = "An answer is being written here. Stop it or wait for its end."
