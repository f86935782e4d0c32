"""What an installation edits (fleet.yaml, checks, runbooks) and the library that it runs on."""
