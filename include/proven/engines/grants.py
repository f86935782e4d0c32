"""The least that a backup account needs, found by trying on MariaDB 10.11 and MySQL 9.7 (`tests/engines/test_grants.py`).

| privilege | why |
|---|---|
| SELECT | data, stored routines' bodies, accounts and their grants (these lie in the schema `mysql`) |
| SHOW VIEW, EVENT | definitions of views and events |
| TRIGGER | triggers; without it the dump tools leave them out *silently* |
| RELOAD | the short read lock under which dump and fingerprint open the same snapshot |
| ALL on `proven_canary` | the row that is written before each backup (not needed with `canary: false`) |
"""

from __future__ import annotations

PRIVILEGES = ("SELECT", "SHOW VIEW", "TRIGGER", "EVENT", "RELOAD")
"""Global privileges of the backup account; the same for both flavours."""

CANARY_SCHEMA = "proven_canary"


def backup_grants(account: str) -> str:
    """Return the SQL that gives `account` (such as `proven@'10.0.0.%'`, which exists) what a backup needs."""
    return f"GRANT {', '.join(PRIVILEGES)} ON *.* TO {account};\nGRANT ALL ON `{CANARY_SCHEMA}`.* TO {account};\n"
