"""The REST door of API keys."""
