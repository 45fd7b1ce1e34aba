"""MLflow's registry and artefact calls, as its own clients make them."""
