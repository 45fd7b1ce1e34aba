"""What the tests run: fixed secrets, a cheap password hasher, no access log."""

from __future__ import annotations

import os

from config.settings.base import *

SIGNALBOX_ENVIRONMENT = "test"
SECRET_KEY = "test-secret-key-of-forty-characters-or-more"  # noqa: S105 - for tests alone
SIGNALBOX_JWT_SECRET = "test-jwt-secret-of-forty-characters-or-more"  # noqa: S105 - for tests alone
SIGNALBOX_KEY_PEPPER = "test-pepper-of-forty-characters-or-more-more"
SIGNALBOX_MASTER_KEYS = ["test-master-key-of-forty-characters-or-more"]
SIGNALBOX_ACCESS_LOG = os.devnull
SIGNALBOX_LOCAL_LLM = False
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
