"""The kinds of page. Each has a runbook `include/runbooks/<name>.md`; a test fails where one is missing.

There is no kind for a faulty fleet file: the contacts stand in that file, so such a page could reach nobody. It shows as an
import error in Airflow, and the dead man's switch outside notices that no drill is proven any more.
"""

from __future__ import annotations

import dataclasses

from include.proven.errors import ConfigError
from include.proven.fleet import hints
from include.proven.fleet.pages import Severity


@dataclasses.dataclass(frozen=True)
class Kind:
    """One sort of page."""

    name: str
    severity: Severity
    """Unless the page itself says otherwise (`Page.severity`)."""
    title: str
    """What has happened, in a few words, for the subject of a page."""
    risk: str
    """What it puts at risk, as a sentence."""
    command: str
    """What to type next; `{database}` stands for the database's name."""


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            name="airflow-unhealthy",
            severity="error",
            title="a part of Airflow is dead",
            risk="Runs that fail may page nobody, and what is scheduled may not run.",
            command="./proven watch",
        ),
        Kind(
            name="backup-failed",
            severity="error",
            title="backup failed",
            risk="What changed since the last recovery point is lost if the source is lost now, and it grows by the hour.",
            command="./proven backup {database}",
        ),
        Kind(
            name="backup-late",
            severity="error",
            title="no backup was taken",
            risk="What changed since the last recovery point is lost if the source is, and nothing has failed to say so.",
            command="./proven backup {database}",
        ),
        Kind(
            name="backup-size-odd",
            severity="warning",
            title="backup out of its usual size",
            risk="Data may be missing from the newest recovery points, or about to fill the store.",
            command="./proven report {database}",
        ),
        Kind(
            name="bandwidth-falling",
            severity="warning",
            title="transfers have slowed down",
            risk="A restore would take longer than the drills have measured, and backups may run into each other.",
            command="./proven report {database}",
        ),
        Kind(
            name="binlogs-late",
            severity="error",
            title="the binary log falls behind",
            risk="What was committed since then is lost if the source is, and nothing has failed to say so.",
            command="./proven stream {database} --for 1m",
        ),
        Kind(
            name="binlogs-stopped",
            severity="error",
            title="the binary log is not shipped",
            risk="What was committed since the last piece is lost if the source is, and no later second can be restored.",
            command="./proven stream {database} --for 1m",
        ),
        Kind(
            name="clock-skewed",
            severity="warning",
            title="clocks disagree",
            risk="Ages of recovery points and the moments to restore to are wrong by as much.",
            command="./proven watch --only clocks --no-page",
        ),
        Kind(
            name="copy-missing",
            severity="warning",
            title="a copy of a recovery point is missing",
            risk="Fewer copies exist than were promised: if the stores that have it are lost too, the recovery point is gone.",
            command="./proven copy {database}",
        ),
        Kind(
            name="dag-broken",
            severity="error",
            title="a DAG file can not be loaded",
            risk="Backups and drills of that file do not run any more, and Airflow tells nobody.",
            command="./proven check",
        ),
        Kind(
            name="database-unlisted",
            severity="warning",
            title="in no backup",
            risk="If it is lost it is lost: no recovery point holds it.",
            command="./proven watch --only unlisted --no-page",
        ),
        Kind(
            name="drill-refuted",
            severity="critical",
            title="recovery point refuted",
            risk="This recovery point does not give the data back. Others that no drill has proven may share the fault.",
            command="./proven show {database}",
        ),
        Kind(
            name="drill-unproven",
            severity="error",
            title="drill could not be tried",
            risk="Nobody knows whether this recovery point can be restored: count on the last proven one only.",
            command="./proven drill {database}",
        ),
        Kind(
            name="key-expiring",
            severity="warning",
            title="a key expires",
            risk="From that day on no backup can be encrypted or signed, and no verdict stored.",
            command="./proven watch --only keys --no-page",
        ),
        Kind(
            name="key-unusable",
            severity="critical",
            title="backups can not be decrypted or signed",
            risk="No recovery point can be restored with the keys that are here, and no new one can be trusted.",
            command="./proven check --live",
        ),
        Kind(
            name="page-test",
            severity="warning",
            title="[test] please acknowledge",
            risk="None. Once a month a person shows that pages arrive: nobody has to do anything else.",
            command="./proven acknowledge {database}/page-test",
        ),
        Kind(
            name="page-undelivered",
            severity="error",
            title="a page could not be delivered",
            risk="Who should have heard of something else has not: the next page may not arrive either.",
            command="./proven pages",
        ),
        Kind(
            name="proof-old",
            severity="critical",
            title="the newest proof is too old",
            risk="No state of this database that is younger than was promised (RPO) is known to be restorable.",
            command="./proven drill {database}",
        ),
        Kind(
            name="reaper-failed",
            severity="warning",
            title="reaper could not look everywhere",
            risk="What crashed drills have left may stand in a cloud or a store that was not looked at, and cost money.",
            command="./proven reap --dry-run",
        ),
        Kind(
            name="record-untrusted",
            severity="critical",
            title="a record can not be trusted",
            risk="Somebody or a failing disk has changed what the store says: what else it says may be wrong, too.",
            command="./proven list {database}",
        ),
        Kind(
            name="retention-failed",
            severity="warning",
            title="recovery points could not be pruned",
            risk="Nothing that was to be kept is lost; but the store fills up, and a full one takes no backup any more.",
            command="./proven prune {database}",
        ),
        Kind(
            name="rto-missed",
            severity="error",
            title="a restore takes longer than promised",
            risk="After a loss the business would wait longer than the RTO that it was promised.",
            command="./proven report {database}",
        ),
        Kind(
            name="run-stuck",
            severity="error",
            title="a run takes too long",
            risk="The next backups and drills wait behind it: the data gets older, and nothing has failed.",
            command="./proven list {database}",
        ),
        Kind(
            name="sabotage-noticed",
            severity="info",
            title="[exercise] sabotaged copy refused",
            risk="None. A copy was broken on purpose, and this page shows that the alarm works; it resolves itself.",
            command="./proven sabotage --list",
        ),
        Kind(
            name="sabotage-unnoticed",
            severity="critical",
            title="SABOTAGE NOT NOTICED",
            risk="A copy that was broken on purpose raised no proper alarm: any *proven* may be wrong, any page missing.",
            command="./proven sabotage {database} --way all",
        ),
        Kind(
            name="sabotage-untried",
            severity="warning",
            title="sabotage could not be tried",
            risk="Nobody has seen lately that a broken recovery point is refused and that pages arrive.",
            command="./proven sabotage {database}",
        ),
        Kind(
            name="sandbox-leaked",
            severity="error",
            title="sandbox keeps coming back",
            risk="A throwaway server that nobody needs holds production data, costs money, and takes the room of a drill.",
            command="./proven reap --dry-run",
        ),
        Kind(
            name="sandbox-left",
            severity="warning",
            title="sandbox not destroyed",
            risk="A copy of production data lies on a throwaway server that should be gone, and takes space or money.",
            command="./proven sandboxes",
        ),
        Kind(
            name="store-filling",
            severity="warning",
            title="store is filling up",
            risk="When it is full no backup can be taken any more.",
            command="./proven sweep",
        ),
        Kind(
            name="watch-failed",
            severity="error",
            title="the watch could not look everywhere",
            risk="What it could not look at may be late, full or broken, and nobody would hear of it.",
            command="./proven watch",
        ),
    )
}


def find_kind(name: str) -> Kind:
    """Return the kind of that name. Raise ConfigError, with a suggestion, if there is none."""
    if name not in KINDS:
        raise ConfigError(f"pages: no kind {name!r}", hint=hints.suggest(name, KINDS, noun="kinds of page"))
    return KINDS[name]
