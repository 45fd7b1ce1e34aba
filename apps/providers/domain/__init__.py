"""Pure vocabulary and rules of model calls: no Django, no I/O."""
