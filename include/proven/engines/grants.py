"""The least that a backup account needs, found by trying on MariaDB 10.11 and MySQL 9.7 (`tests/engines/test_grants.py`).

| privilege | why |
|---|---|
| SELECT | data, stored routines' bodies, accounts and their grants (these lie in the schema `mysql`) |
| SHOW VIEW, EVENT | definitions of views and events |
| TRIGGER | triggers; without it the dump tools leave them out *silently* |
| RELOAD | the short lock under which dump and fingerprint open the same snapshot; not needed with `lock: if-allowed` |
| LOCK TABLES | MyISAM, Aria and the like, where there are any; not needed with `non_transactional: report` |
| REPLICA MONITOR (MariaDB) | whether the source is a replica, and a stale one; without it, verdicts say so |
| REPLICATION CLIENT (MySQL) | file and offset of the binary log in the manifest; without it, the GTID alone |
| REPLICATION SLAVE, and BINLOG MONITOR (MariaDB) | following the binary log; needed with `binlogs` only |
| PROCESS, and BINLOG MONITOR (MariaDB), BACKUP_ADMIN (MySQL) | copying its files; needed with `method: physical` only |
| PROCESS (MySQL) | where tablespaces lie; needed with `method: snapshot` only |
| ALL on `proven_canary` | the row that is written before each backup (not needed with `canary: false`) |
"""

from __future__ import annotations

PRIVILEGES = ("SELECT", "SHOW VIEW", "TRIGGER", "EVENT", "RELOAD", "LOCK TABLES")
"""Global privileges of the backup account; the same for both flavours."""

REPLICATION = {"mariadb": "REPLICA MONITOR", "mysql": "REPLICATION CLIENT"}
"""Recommended: what tells of replication and the binary log, by flavour."""

BINLOG = {"mariadb": ("REPLICATION SLAVE", "BINLOG MONITOR"), "mysql": ("REPLICATION SLAVE", "REPLICATION CLIENT")}
"""Global privileges that a stream of the binary log needs, by flavour."""

PHYSICAL = {"mariadb": ("PROCESS", "BINLOG MONITOR"), "mysql": ("PROCESS", "BACKUP_ADMIN")}
"""Global privileges that the method `physical` needs besides, by flavour."""

SNAPSHOT = {"mariadb": (), "mysql": ("PROCESS",)}
"""Global privileges that the method `snapshot` needs besides, by flavour."""

CANARY_SCHEMA = "proven_canary"


def backup_grants(account: str, flavour: str) -> str:
    """Return the SQL that gives `account` (such as `proven@'10.0.0.%'`, which exists) what a backup needs."""
    return (
        f"GRANT {', '.join(PRIVILEGES)} ON *.* TO {account};\n"
        f"GRANT ALL ON `{CANARY_SCHEMA}`.* TO {account};\n"
        f"GRANT {REPLICATION[flavour]} ON *.* TO {account};\n"
    )


def binlog_grants(account: str, flavour: str) -> str:
    """Return the SQL that gives `account` what it needs besides to follow the binary log."""
    return f"GRANT {', '.join(BINLOG[flavour])} ON *.* TO {account};\n"


def physical_grants(account: str, flavour: str) -> str:
    """Return the SQL that gives `account` what it needs besides for physical backups."""
    return f"GRANT {', '.join(PHYSICAL[flavour])} ON *.* TO {account};\n"


def snapshot_grants(account: str, flavour: str) -> str:
    """Return the SQL that gives `account` what it needs besides for backups by a snapshot; MariaDB's needs nothing."""
    wanted = SNAPSHOT[flavour]
    return f"GRANT {', '.join(wanted)} ON *.* TO {account};\n" if wanted else ""
