"""Sabotage: every way to break a copy is noticed, for the right reason, and one that is not noticed is loud."""
