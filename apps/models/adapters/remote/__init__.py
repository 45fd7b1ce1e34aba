"""Models that other servers have."""
