"""Engines against real servers: what the dump holds, and what the account that takes it needs."""
