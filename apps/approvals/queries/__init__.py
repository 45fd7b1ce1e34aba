"""What the doors and the services read."""
