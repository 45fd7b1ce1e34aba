"""The way in, tried on a throw-away URL table of its own."""
