"""Sandboxes: one conformance suite for every kind, on real servers of both flavours."""
