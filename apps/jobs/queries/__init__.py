"""Reading jobs: what an actor may see, what a worker may claim."""
