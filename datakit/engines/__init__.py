"""Generation engines; a file here is an engine of the same name."""
