"""How passwords are hashed: argon2id at the cost OWASP names for servers.

Django's own parameters take 100 MB for each hash; eight logins at once would take most of a gigabyte.
"""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class HouseArgon2Hasher(Argon2PasswordHasher):
    """19 MiB, two passes, one lane. A hash made with other costs still verifies and is renewed at the next login."""

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1
