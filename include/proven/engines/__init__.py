"""How a database is dumped and loaded: one module an engine, one short contract (`contract.py`)."""
