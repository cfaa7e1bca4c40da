"""What `datakit audit` looks for, one file each (datakit/auditing.py)."""
