"""The kill matrix: whatever ends a run, or a part of Airflow, is exactly one page. `scripts/test-pages` runs it."""
