"""The DAGs: their form, one run in one process, and everything under a real scheduler."""
