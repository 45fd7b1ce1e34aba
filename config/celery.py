"""The Celery application: `celery -A config worker`. It only wires Celery up; what it runs stands in `apps.jobs`.

The row is the truth and the message a doorbell: a message carries a job's id and nothing else, is acknowledged late,
and may be lost or come twice. Priorities are queues, named as `manage.py worker --queues` names them.
"""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")
django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402 - apps must be ready first

from apps.jobs.celery_bridge import make_celery  # noqa: E402 - apps must be ready first

app = make_celery(settings.SIGNALBOX_BROKER_URL)
