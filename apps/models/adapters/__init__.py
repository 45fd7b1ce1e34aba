"""Outside systems: the child process that opens artefacts."""
