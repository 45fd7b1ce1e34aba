"""Changing keys; the only place that writes them."""
