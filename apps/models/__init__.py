"""Models: the registry of what can be served. Names, versions with their artefacts, stages, aliases, feature schemas.

An artefact is data: kept by its digest (`core.files`), never unpickled, opened first in a limited child process. May use
everything to its right in the layers; predictions are built on `domain.schema`, `domain.scorecards` and `queries.serving`.
"""
