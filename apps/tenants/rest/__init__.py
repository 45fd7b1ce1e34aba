"""The REST door to login, organisations and people."""
