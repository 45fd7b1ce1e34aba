"""Passwords at the cost we hash ours with; Django's own takes five times the memory and eight threads."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class SameCostHasher(Argon2PasswordHasher):
    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1
