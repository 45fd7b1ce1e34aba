"""The REST door of jobs."""
