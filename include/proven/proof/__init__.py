"""Proof: the questions that a restored recovery point must answer, and the verdict."""
