"""Repairs of texts; a file here is a repair of the same name (datakit/repair.py)."""
