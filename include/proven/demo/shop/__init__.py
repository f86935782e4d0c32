"""The demo's shop: a database with every awkward thing that a backup can trip over, of any size, always the same."""
