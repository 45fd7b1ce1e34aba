"""The rooms of the house, one Django app each; `docs/architecture.md` draws who may import whom."""
