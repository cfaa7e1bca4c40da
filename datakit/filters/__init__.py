"""Filters of SFT rows; a file here is a filter of the same name (datakit/filter.py)."""
