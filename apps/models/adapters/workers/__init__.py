"""Worker processes for models that do not score in ours: few, limited in memory, started again when one dies."""
