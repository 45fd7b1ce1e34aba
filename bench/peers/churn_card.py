"""The demo's scorecard as a Python model of MLflow's, in the plainest Python: what its server adds is what is measured.

Loaded by MLflow in a virtual environment of its own; nothing of the house is there.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import mlflow


class Card(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        card = json.loads(Path(context.artifacts["card"]).read_text())
        self.intercept = card["intercept"]
        self.terms = [
            (term["feature"], term.get("coefficient"), term.get("points")) for term in card["terms"]
        ]

    def predict(self, context, model_input, params=None):
        return [self._score(row) for row in model_input.to_dict("records")]

    def _score(self, row):
        margin = self.intercept
        for feature, coefficient, points in self.terms:
            value = row[feature]
            margin += coefficient * value if points is None else points.get(str(value), 0.0)
        return 1 / (1 + math.exp(-margin))


mlflow.models.set_model(Card())
