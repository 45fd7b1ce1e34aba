"""`churn-predictor` in an organisation's registry: what was trained, as it was written down."""

from __future__ import annotations

import io
import json

from apps.core.actor import Actor
from apps.models.enums import Stage
from apps.models.services import aliases, registry, stages, versions
from apps.models.services.versions import Terms
from config.churn.customers import EXAMPLE, SCHEMA
from config.churn.training import ABOUT, CUSTOMERS, HELD_OUT, SEED
from config.churn.written import CHALLENGER, CHAMPION, NAME, read_written


def register(actor: Actor) -> None:
    """The model, its champion in production and its challenger in staging."""
    registry.register_model(
        actor=actor,
        name=NAME,
        description="Customer churn prediction model",
        tags={"demo": "customers are made up"},
    )
    for label in (CHAMPION, CHALLENGER):
        _publish(actor, label)
    stages.set_stage(actor=actor, name=NAME, tag=CHALLENGER, stage=Stage.STAGING)
    moved = stages.set_stage(actor=actor, name=NAME, tag=CHAMPION, stage=Stage.PRODUCTION)
    if moved.approval_id is None:  # else somebody wants to be asked first
        aliases.set_alias(actor=actor, name=NAME, alias="champion", tag=CHAMPION)


def _publish(actor: Actor, label: str) -> None:
    written = read_written(label)
    terms = Terms(
        label=label,
        feature_schema=SCHEMA,
        metrics=written["metrics"],
        input_example=EXAMPLE,
        lineage={
            "run_id": f"config.churn {label}",
            "data": f"{CUSTOMERS} made-up customers of seed {SEED}, {HELD_OUT} of them held out",
        },
        description=ABOUT[label],
    )
    card = io.BytesIO(json.dumps(written["card"]).encode())
    versions.publish_version(
        actor=actor, name=NAME, stream=card, terms=terms, file_name=f"{label}.json"
    )
