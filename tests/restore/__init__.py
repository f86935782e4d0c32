"""Restores by the library: what the command line and the DAGs build on."""
