"""Binary logs: pieces of them on their way into the stores, and back onto a recovery point."""
