"""API keys and the one authenticator for every door. Uses tenants and core; nobody below knows it."""
