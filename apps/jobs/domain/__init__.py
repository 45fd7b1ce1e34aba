"""Pure parts: kinds, states and their moves, retry pauses, fair turns."""
