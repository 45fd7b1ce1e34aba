"""Loaded once by the server that forks the children, so that each begins with the program in memory."""

from __future__ import annotations

import django

django.setup(set_prefix=False)
