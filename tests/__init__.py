"""Proven's tests: real servers, real tools; `scripts/test` runs them all."""
