"""Real processes under real faults: killed, frozen, cut off from their stores, out of room."""
