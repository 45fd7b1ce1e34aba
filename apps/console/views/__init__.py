"""One module a page: parse, one domain call, present."""
