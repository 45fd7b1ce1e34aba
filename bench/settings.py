"""The embedded size as `make up` runs it, with one change: guesses at passwords are not counted.

Login is limited to five a minute for an account, which would leave nothing to measure; its work (argon2, tokens, the
audit row) is what the row compares.
"""

from __future__ import annotations

from apps.core.limits.rates import parse_rate
from config.settings.development import *  # noqa: F403 - a settings module is its base and a few lines more

SIGNALBOX_ENVIRONMENT = "bench"
SIGNALBOX_LOGIN_RATE = SIGNALBOX_LOGIN_ADDRESS_RATE = parse_rate("100000/s")
SIGNALBOX_ANONYMOUS_RATES = (parse_rate("100000/s"),)
RATELIMIT_ENABLE = False
