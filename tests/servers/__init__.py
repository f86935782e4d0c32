"""Real servers for the tests: one module a family, each a pytest plugin named in `tests/conftest.py`."""
