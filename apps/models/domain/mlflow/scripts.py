"""The one script we hand out: it scores a scorecard wherever MLflow loads it, with nothing of ours installed.

The same for every card; the card and its schema lie beside it. No pickle: MLflow calls this form models from code.
"""

from __future__ import annotations

from typing import Final

SCORECARD: Final = '''"""Scores a Signalbox scorecard. Made by Signalbox; needs nothing but the two files beside it."""

import json
import math

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

FLAGS = {"true": True, "false": False}


class Scorecard(PythonModel):
    def load_context(self, context):
        with open(context.artifacts["card"], encoding="utf-8") as file:
            self.card = json.load(file)
        with open(context.artifacts["schema"], encoding="utf-8") as file:
            self.schema = dict(json.load(file))
        self.terms = [self._term(term) for term in self.card["terms"]]

    def predict(self, context, model_input, params=None):
        rows = pd.DataFrame(model_input).to_dict("records")
        margins = [self._margin(row) for row in rows]
        if self.card["type"] == "linear":
            return pd.DataFrame({"prediction": margins})
        threshold = self.card.get("threshold", 0.5)
        probabilities = [_sigmoid(margin) for margin in margins]
        return pd.DataFrame(
            {
                "prediction": [int(value >= threshold) for value in probabilities],
                "probability": probabilities,
            }
        )

    def _term(self, term):
        kind = self.schema[term["feature"]]["type"]
        read = {"boolean": FLAGS.get, "integer": int, "number": float}.get(kind, str)
        points = term.get("points")
        if points is not None:
            points = {read(name): value for name, value in points.items()}
        return term["feature"], term.get("coefficient", 0.0), points

    def _margin(self, row):
        margin = self.card.get("intercept", 0.0)
        for feature, coefficient, points in self.terms:
            value = row.get(feature)
            if _is_absent(value):
                value = self.schema[feature].get("default")
            if value is None:
                continue
            margin += coefficient * value if points is None else points.get(value, 0.0)
        return margin


def _is_absent(value):
    return value is None or (isinstance(value, float) and math.isnan(value))


def _sigmoid(margin):
    if margin >= 0:
        return 1 / (1 + math.exp(-margin)) if margin < 700 else 1.0
    power = math.exp(margin) if margin > -700 else 0.0
    return power / (1 + power)


set_model(Scorecard())
'''
