"""The development server: daphne's own command.

It stands here and daphne not among the installed apps, which would load Twisted, a fifth of the memory, into every
server that never asks for it.
"""

from __future__ import annotations

from daphne.management.commands.runserver import Command as DaphneCommand


class Command(DaphneCommand):
    pass
