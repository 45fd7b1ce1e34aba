"""Ask for an approval that can be tried: `manage.py demo_approval`, then decide in the console.

Kind `demo.promotion`: nothing listens to the decision, so nothing happens with it.
"""

from __future__ import annotations

from typing import Any

from apps.approvals.domain.terms import Terms
from apps.approvals.services import requests
from apps.core import commands
from apps.core.ids import new_id
from apps.core.tenancy import organization_scope
from apps.keys.queries import directory
from apps.tenants.queries import organizations

CHANGES: list[dict[str, Any]] = [
    {"label": "Production", "before": "version 3", "after": "version 4"},
    {"label": "Threshold", "before": 0.5, "after": 0.42},
    {"label": "Features", "before": None, "after": "contract_months"},
]
EVIDENCE: list[dict[str, Any]] = [
    {
        "claim": "Accuracy on the last month",
        "value": 0.912,
        "low": 0.904,
        "high": 0.919,
        "threshold": 0.9,
        "sense": ">=",
        "samples": 5000,
        "window": "30 days",
        "verdict": "passed",
    },
    {
        "claim": "Time to answer, p95",
        "value": 41.7,
        "unit": "ms",
        "low": 39.2,
        "high": 44.5,
        "threshold": 60,
        "sense": "<=",
        "samples": 20000,
        "window": "24 hours",
        "verdict": "passed",
    },
    {
        "claim": "Recall among new customers",
        "value": 0.71,
        "low": 0.62,
        "high": 0.79,
        "threshold": 0.7,
        "sense": ">=",
        "samples": 140,
        "window": "30 days",
        "verdict": "undecided",
        "note": "Too few new customers to tell; the interval holds the threshold.",
    },
]


class Command(commands.HouseCommand):
    help = __doc__

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--organization", default="demo")
        parser.add_argument("--quorum", type=int, default=1)
        parser.add_argument("--expires-seconds", type=int, default=None)

    def handle(
        self,
        *args: Any,
        organization: str,
        quorum: int,
        expires_seconds: int | None,
        **options: Any,
    ) -> None:
        owner = organizations.by_slug(organization)
        with organization_scope(owner.pk):
            request = requests.request_approval(
                actor=directory.command_actor(owner),
                kind="demo.promotion",
                subject_id=new_id("demo"),
                subject_name="churn-predictor",
                title="Promote churn-predictor version 4 to Production",
                changes=CHANGES,
                evidence=EVIDENCE,
                consequence="12 predictions a second would move to version 4; version 3 would be archived.",
                terms=Terms(quorum=quorum, expires_seconds=expires_seconds),
            )
        assert request is not None  # terms always ask
        self.stdout.write(request.public_id)
