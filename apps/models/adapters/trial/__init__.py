"""A first opening of an artefact, in a process of its own that may do little."""
