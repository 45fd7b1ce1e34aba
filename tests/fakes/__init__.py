"""Servers that others would run, small and real: they listen on loopback and misbehave on command."""
