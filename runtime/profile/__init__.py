"""What to do: the schema of a profile, loading it, and what it will cost."""
