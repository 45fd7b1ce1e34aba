"""The worker: claims rows, runs handlers, writes what became of them."""
