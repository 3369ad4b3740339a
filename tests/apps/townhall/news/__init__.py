"""News of the town hall, and what citizens ask it."""
