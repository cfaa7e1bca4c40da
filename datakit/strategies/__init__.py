"""Pair strategies; a file here is a strategy of the same name."""
