"""The base of the REST door: one viewset, strict parser, fast renderer, one error translator, pagination, schema."""
