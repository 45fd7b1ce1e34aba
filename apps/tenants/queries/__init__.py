"""Reading: who is behind a credential, and what an actor may see of organisations and people."""
