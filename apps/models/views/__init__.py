"""The hot doors of predictions: coroutines, in the seed's spelling and in KServe's."""
