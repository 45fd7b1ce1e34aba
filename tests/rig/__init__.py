"""What the suite stands on: real databases, real server processes, a real browser, a closed network."""
