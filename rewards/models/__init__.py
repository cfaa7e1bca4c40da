"""What reward models run on; one file each, named as `backend:` in a spec names it."""
