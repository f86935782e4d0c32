"""Sabotage: break a copy of a good recovery point on purpose, drill it, and demand that it is refused and that people hear."""
