"""The path of a prediction, on the loop: which version, its row, its score, its record. Touches no database when warm."""
