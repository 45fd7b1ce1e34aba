"""The names of this app's facts."""

from __future__ import annotations

MODEL_CREATED = "models.model.created"
MODEL_CHANGED = "models.model.changed"
MODEL_REMOVED = "models.model.removed"
VERSION_CREATED = "models.version.created"
VERSION_CHECKED = "models.version.checked"
VERSION_CHANGED = "models.version.changed"
VERSION_REMOVED = "models.version.removed"
VERSION_STAGED = "models.version.staged"
VERSION_REQUESTED = "models.version.promotion_requested"
ALIAS_SET = "models.alias.set"
ALIAS_REMOVED = "models.alias.removed"
SOURCE_CREATED = "models.source.created"
SOURCE_CHANGED = "models.source.changed"
SOURCE_REMOVED = "models.source.removed"
SOURCE_SYNCED = "models.source.synced"

MODELS_SCOPE = "models:"
"""`core.changes` scope before an organization's public id: which version answers, or how, has changed."""
WARM_SCOPE = "models.warm:"
"""Before `<organization's public id>:<model's public id>`: every serving process is to load what that model has in production."""
