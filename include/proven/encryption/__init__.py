"""GnuPG: whose keys may read the backups, who signs for them, and the session keys that a sandbox gets."""
