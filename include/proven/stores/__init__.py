"""Where artifacts live: one module a store, one short contract (`contract.py`)."""
