"""What `make up` runs: the embedded size, secrets made on first use and kept in the data directory."""

from __future__ import annotations

from config.env import words
from config.local_secrets import local_secret
from config.settings.base import *
from config.settings.base import SIGNALBOX_DATA_DIR, env

SIGNALBOX_ENVIRONMENT = "development"
SECRET_KEY = env.secret_key or local_secret(SIGNALBOX_DATA_DIR, "secret_key")
SIGNALBOX_JWT_SECRET = env.jwt_secret_key or local_secret(SIGNALBOX_DATA_DIR, "jwt_secret_key")
SIGNALBOX_MASTER_KEYS = words(env.signalbox_master_key) or [
    local_secret(SIGNALBOX_DATA_DIR, "master_key")
]
SIGNALBOX_KEY_PEPPER = env.signalbox_key_pepper or local_secret(SIGNALBOX_DATA_DIR, "key_pepper")
