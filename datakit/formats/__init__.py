"""Input formats; a file here is a format of the same name."""
