"""The peers: what other people would write for the same work, each served by uvicorn as we serve ourselves."""
