"""Products on disk: whole or absent, never overwritten, each with what made it."""
