"""Which requirement of an audit a report answers, and with what; and, as plainly, which it does not.

ISO/IEC 27001:2022, Annex A 8.13 (information backup, with the guidance of ISO/IEC 27002:2022), and SOC 2's criteria for
availability A1.2 and A1.3 (AICPA TSC 2017 with the points of focus of 2022). Paraphrased: the standards' own words count.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from include.proven.reports.documents import DrillDocument


@dataclasses.dataclass(frozen=True)
class Requirement:
    """One requirement and what a report has to say to it."""

    sources: str
    """`A.8.13 · A1.2`"""
    asks: str
    answer: str
    section: str
    """Where in the document the evidence stands: an id; empty where there is none."""


OF_A_DRILL = (
    Requirement(
        "A.8.13 · A1.2",
        "A backup copy exists, is complete, and is recorded.",
        "The signed manifest names every artifact, table and object; the copy was compared with it.",
        "restored",
    ),
    Requirement(
        "A.8.13 · A1.3",
        "Backups are tested by restoring them, not over the original.",
        "The recovery point was restored on a throwaway server that was looked at before any data arrived.",
        "where",
    ),
    Requirement(
        "A1.3",
        "Integrity and completeness of backup data are tested.",
        "Each check stands with its question, its answer and what it proves.",
        "checks",
    ),
    Requirement(
        "A.8.13 · A1.2",
        "Recovery meets the times that the business needs.",
        "Measured recovery time and age of the data, against the objectives.",
        "objectives",
    ),
    Requirement(
        "A.8.13",
        "Backups are protected by encryption.",
        "Every artifact is encrypted to the keys that are named; the store never sees plain data.",
        "evidence",
    ),
    Requirement(
        "A.8.13 · A1.2",
        "Records of backups and tests are accurate and can be relied on.",
        "Manifest and verdict are signed when they are made; anyone with the signer's public key can verify them.",
        "evidence",
    ),
)

OF_A_PERIOD = (
    Requirement(
        "A.8.13 · A1.2",
        "Backups are taken as planned, and failures are noticed.",
        "Recovery points of the period, the newest one and its age, for every database.",
        "fleet",
    ),
    Requirement(
        "A.8.13 · A1.3",
        "Backups are tested regularly.",
        "Every drill of the period with its outcome: the population that samples can be drawn from.",
        "drills",
    ),
    Requirement(
        "A.8.13 · A1.2",
        "Recovery meets the times that the business needs.",
        "Age of the newest proven data and newest measured recovery time, against each database's objectives.",
        "fleet",
    ),
    Requirement(
        "A.8.13 · A1.2",
        "Records of backups and tests are accurate and can be relied on.",
        "Everything here was read from signed records; those that could not be trusted are named.",
        "problems",
    ),
)

NOT_ANSWERED = (
    "Whether there is a backup policy that was agreed on, and whether the objectives are the right ones.",
    "Where the store stands, how far from the source, and how it is protected physically and against its administrators.",
    "How long backups are kept, and whether they are deleted when they must be.",
    "Who holds the private keys, and how they are kept: whoever holds the signer's can sign what they like.",
    "Whether people and the rest of the system (applications, network, other data) can be recovered too.",
)
NOT_BY_ONE = "How often backups are taken and tested: the report of a period says that (./proven report)."
NOT_BY_MANY = "What each single drill has seen: the report of a drill says that (./proven report DATABASE POINT)."


def caveat(document: DrillDocument) -> str:
    """Return what an auditor must know before reading on about a drill that is not proven; else an empty string."""
    if document.verdict.outcome == "proven":
        return ""
    if document.verdict.outcome == "refuted":
        return (
            "This drill is evidence that backups are tested and that a bad one is noticed. It is no evidence of a good backup."
        )
    return "This drill was not completed. It is evidence of neither a good nor a bad backup."


def not_answered(*, period: bool) -> Sequence[str]:
    """Return what a report does not answer, each as a sentence."""
    return (NOT_BY_MANY if period else NOT_BY_ONE, *NOT_ANSWERED)
