"""Models in memory, one module for each format. Imported by worker processes too, so it knows no Django and no settings."""
