"""What every method of training shares."""
