"""Pages: how a person hears that something must be done, with what it puts at risk and which runbook to open."""
