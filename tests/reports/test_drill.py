"""The report of a drill says what its verdict says, stands alone, and takes nothing for markup that it quotes."""

from __future__ import annotations

import hashlib
import pathlib
import re
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.proven.proof.verdict import Check, Verdict
from include.proven.reports import gathering, html, measures
from include.proven.reports.documents import DrillDocument
from tests.reports.conftest import HOSTILE, Drilled
from tests.reports.strict import read

OUTCOMES = ["proven", "refuted", "untrusted"]
# what an HTML parser keeps as it is; control characters are shown as pictures, and spaces fall together where they are read
DIFFERENCE = "table a: definition differs: - {} … + {}"
WORDS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf", "Zs", "Zl", "Zp"]), min_size=1, max_size=30)


def document(drilled: Drilled, outcome: str) -> DrillDocument:
    """Draw the report of one of the drills."""
    verdict: Verdict = getattr(drilled, outcome)
    return gathering.draw(drilled.installation, "shop", verdict.recovery_point, verdict.drill, "disk")


def squeezed(text: str) -> str:
    """Return a text without its spaces: how they fall together is the browser's."""
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_the_report_says_whatever_the_verdict_says(drilled: Drilled, outcome: str) -> None:
    drawn = document(drilled, outcome)
    verdict = drawn.verdict
    seen = squeezed(read(html.render_drill(drawn)).text)
    said = [verdict.drill, verdict.recovery_point, verdict.reason, verdict.hint, verdict.triggered_by]
    said += [*verdict.not_covered, *verdict.warnings]
    for check in verdict.checks:
        said += [check.name, check.figure, check.hint, *check.differences]
    for step in verdict.steps:
        said += [step.name, step.what, step.detail, step.hint, *(stage.name for stage in step.stages)]
        said += [finding["said"] for finding in step.figures.get("isolation", [])]
    assert [text for text in said if squeezed(text) not in seen] == []


def test_a_proven_drill(drilled: Drilled) -> None:
    drawn = document(drilled, "proven")
    assert drawn.verdict.outcome == "proven", drawn.verdict.reason
    seen = read(html.render_drill(drawn)).text
    assert drawn.contents
    for text in (
        "✓ Proven",
        "every order has a total",
        f"{drawn.contents.rows:,}",
        "shop & team",
        "cli:<b>alice</b>",
        "of 26 h",
        "FLOAT beyond 6 digits",
        "prefix backups",
        "A.8.13",
        "A1.2",
        "A1.3",
        *(artifact.sha256 for artifact in drawn.contents.artifacts),
    ):
        assert text in seen, text
    assert "keeps no promise" not in seen


def test_a_refuted_drill_names_each_difference_and_keeps_no_promise(drilled: Drilled) -> None:
    page = html.render_drill(document(drilled, "refuted"))
    seen = read(page).text
    assert "✗ Refuted" in seen
    assert "3 rows on the source, 2 restored" in seen
    assert f"`{HOSTILE}`: 2 rows on both, but values differ" in seen
    assert re.search(r'<del class="source">[^<]*decimal\(10,2\)', page)
    assert re.search(r'<ins class="copy">[^<]*decimal\(8,2\)', page)
    assert "It keeps no promise: the recovery point is not proven." in seen
    assert "It is no evidence of a good backup." in seen


def test_what_a_manifest_says_that_is_not_to_be_trusted_is_not_repeated(drilled: Drilled) -> None:
    drawn = document(drilled, "untrusted")
    assert (drawn.verdict.outcome, drawn.contents) == ("refuted", None)
    seen = read(html.render_drill(drawn)).text
    assert "can't be trusted" in seen
    assert "What it says is not repeated here." in seen
    assert "snapshot" not in seen


def test_a_table_may_be_named_as_a_script(drilled: Drilled) -> None:
    for outcome in ("proven", "refuted"):
        page = html.render_drill(document(drilled, outcome))
        assert "<script" not in page
        assert HOSTILE in read(page).text


def test_the_numbers_by_which_it_is_verified_are_those_of_the_store(drilled: Drilled, tmp_path: pathlib.Path) -> None:
    """A stranger, with the signer's public key and what lies in the store, does what the report says."""
    drawn = document(drilled, "proven")
    seen = read(html.render_drill(drawn)).text
    for record in drawn.records:
        there = drilled.store / record.key
        assert hashlib.sha256(there.read_bytes()).hexdigest() == record.sha256
        assert record.key in seen
        assert record.sha256 in seen
    name = f"{drawn.verdict.drill}.json"
    assert f"gpg --verify {name}.asc {name}" in seen
    folder = drilled.store / "shop" / drawn.verdict.recovery_point / "drills"
    argv = ["gpg", "--homedir", str(drilled.files.gpg_home), "--batch", "--verify", f"{name}.asc", name]
    said = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=True).stderr
    assert "Good signature" in said
    (signer,) = {record.signer for record in drawn.records}
    assert re.sub(r"\s", "", signer) in squeezed(said)
    assert " ".join(signer[at : at + 4] for at in range(0, 40, 4)) in seen


def test_objectives_are_those_of_the_verdict(drilled: Drilled) -> None:
    drawn = document(drilled, "proven")
    assert drawn.objectives.signed
    assert (drawn.verdict.rpo_seconds, drawn.verdict.rto_seconds) == (26 * 3600, 3600)
    assert [measure.status for measure in measures.measure(drawn)] == ["met", "met"]


@settings(max_examples=60, deadline=None)
@given(
    name=WORDS,
    figure=WORDS,
    differences=st.lists(WORDS | st.builds(DIFFERENCE.format, WORDS, WORDS), max_size=4),
    left_out=st.lists(WORDS, max_size=3),
    outcome=st.sampled_from(["pass", "fail", "could-not-run"]),
    severity=st.sampled_from(["critical", "warning"]),
)
def test_whatever_a_check_says_is_text(
    drilled: Drilled, name: str, figure: str, differences: list[str], left_out: list[str], outcome: str, severity: str
) -> None:
    drawn = document_once(drilled)
    check = Check.model_validate(
        {"name": name, "figure": figure, "differences": differences, "outcome": outcome, "severity": severity, "hint": figure}
    )
    verdict = drawn.verdict.model_copy(update={"checks": [check], "not_covered": left_out, "reason": figure})
    seen = squeezed(read(html.render_drill(drawn.model_copy(update={"verdict": verdict}))).text)
    assert [text for text in (name, figure, *differences, *left_out) if squeezed(text) not in seen] == []


def test_what_hides_or_turns_text_is_shown(drilled: Drilled) -> None:
    drawn = document_once(drilled)
    check = Check(name="paid", outcome="fail", figure="paid=\0, \x1b[2K, \u202etxt.exe")
    verdict = drawn.verdict.model_copy(update={"checks": [check]})
    seen = read(html.render_drill(drawn.model_copy(update={"verdict": verdict}))).text
    assert "paid=␀, ␛[2K, \ufffdtxt.exe" in seen


DRAWN: list[DrillDocument] = []


def document_once(drilled: Drilled) -> DrillDocument:
    """Draw the proven drill's report from the store the first time only: an example takes a millisecond then."""
    if not DRAWN:
        DRAWN.append(document(drilled, "proven"))
    return DRAWN[0]


def test_the_age_of_a_recovery_point_that_was_chosen_is_no_loss(drilled: Drilled) -> None:
    drawn = document_once(drilled)
    old = drawn.verdict.model_copy(update={"data_age_seconds": 30 * 86400.0, "measured_rto_seconds": 7200.0})
    late = drawn.model_copy(update={"verdict": old})
    assert [measure.status for measure in measures.measure(late)] == ["not met", "not met"]
    chosen = late.model_copy(update={"chosen": True})
    assert [measure.status for measure in measures.measure(chosen)] == ["not shown", "not met"]
    assert "its age is no loss" in read(html.render_drill(chosen)).text


def test_what_decides_stands_first(drilled: Drilled) -> None:
    drawn = document(drilled, "refuted")
    seen = read(html.render_drill(drawn)).text
    failed = [check.name for check in drawn.verdict.checks if check.outcome == "fail"]
    places = {check.name: seen.index(f"\n{check.name}", seen.index("what was seen")) for check in drawn.verdict.checks}
    assert sorted(places, key=lambda name: places[name])[: len(failed)] == sorted(failed)
