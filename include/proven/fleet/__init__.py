"""The fleet file: all the databases, stores, sandboxes and contacts of one installation."""
