"""Reading keys: what an actor may see, and what a token amounts to."""
