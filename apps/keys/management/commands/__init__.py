"""Commands on API keys."""
