"""Pure parts: the hash chain, and the SQL that locks the trail."""
