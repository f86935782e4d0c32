"""One table or one schema out of a recovery point."""
