"""Readers of files; a file here reads one kind of them."""
