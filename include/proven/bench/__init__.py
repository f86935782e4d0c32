"""Our speed beside that of what people use, on this machine, in one run: `scripts/bench`."""
