"""Every kind of backup end to end beside what people use today, on one machine in one run: `scripts/bench --only engines`."""
