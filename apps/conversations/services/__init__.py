"""The writers of this app."""
