"""The random choice of lines."""
