"""Guards over the source and the documents: what no test of behaviour would notice."""
