"""Data shapes shared by every package: options, reports, errors, identities. Imports pydantic only."""
