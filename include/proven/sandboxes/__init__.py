"""Where a recovery point is restored: one module a kind, one short contract (`contract.py`)."""
