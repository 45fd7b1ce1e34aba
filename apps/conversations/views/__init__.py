"""Pages of this app that need nobody signed in."""
