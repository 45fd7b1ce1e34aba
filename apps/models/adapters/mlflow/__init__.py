"""Asking another's MLflow server."""
