"""MLflow's words: signatures, the `MLmodel` document, filters of searches. Pure."""
