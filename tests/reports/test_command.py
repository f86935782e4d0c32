"""`./proven report`: for a terminal, as JSON, and as a document; from the store alone."""

from __future__ import annotations

import json
import pathlib

import pytest

from include.proven.cli import main
from tests.reports.conftest import Drilled
from tests.reports.strict import read


def run(drilled: Drilled, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the command in this process and return its exit status, and what it said on both outputs."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in drilled.files.variables.items():
            patch.setenv(name, value)
        capsys.readouterr()
        status = main.main(["report", *arguments])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_the_newest_drill_as_a_document_on_standard_output(drilled: Drilled) -> None:
    done = drilled.files.run("report", "shop", "--html", "-")
    assert done.returncode == 0, done.stderr
    assert drilled.untrusted.drill in read(done.stdout).text


def test_a_recovery_points_drill_into_a_file(
    drilled: Drilled, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "report.html"
    assert run(drilled, capsys, "shop", drilled.proven.recovery_point, "--html", str(file)) == (0, "", "")
    assert drilled.proven.drill in read(file.read_text()).text


def test_a_drill_by_its_id_as_json(drilled: Drilled, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(drilled, capsys, "shop", "--drill", drilled.refuted.drill, "--json")
    said = json.loads(out)
    assert (status, said["verdict"]["outcome"], said["records"][0]["about"]) == (0, "refuted", "verdict")


def test_a_drill_in_the_terminal(drilled: Drilled, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(drilled, capsys, "shop", drilled.proven.recovery_point)
    assert status == 0
    assert "PROVEN" in out
    assert "sha256" in out


def test_the_fleet(drilled: Drilled, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(drilled, capsys)
    assert status == 1, "a manifest can't be trusted"
    assert "idle" in out
    assert "can't be trusted" in " ".join(out.split())
    status, out, _ = run(drilled, capsys, "--html", "-")
    assert "Every drill of the period" in read(out).text
    status, out, _ = run(drilled, capsys, "--json", "--days", "1")
    assert [line["name"] for line in json.loads(out)["databases"]] == ["idle", "shop"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("shop", "--drill", "20010101T000000Z-drill-00000000"), "has no drill 20010101T000000Z-drill-00000000"),
        (("idle",), "database idle has no drill"),
        (("shpo",), "no database is named 'shpo'"),
        (("shop", "--html", "/nowhere/report.html"), "can't write /nowhere/report.html"),
        (("--store", "disk"), "go with a database"),
    ],
)
def test_what_is_not_there_is_said(
    drilled: Drilled, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    status, out, err = run(drilled, capsys, *arguments)
    assert (status, out) == (2, "")
    assert said in " ".join(err.split())
    assert "HINT" in err


def test_a_verdict_that_was_changed_gives_no_report(drilled: Drilled, capsys: pytest.CaptureFixture[str]) -> None:
    verdict = drilled.refuted
    path = drilled.store / "shop" / verdict.recovery_point / "drills" / f"{verdict.drill}.json"
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"outcome": "refuted"', b'"outcome": "proven"'))
    try:
        status, out, err = run(drilled, capsys, "shop", "--drill", verdict.drill, "--html", "-")
        assert (status, out) == (1, "")
        assert "can't be trusted" in " ".join(err.split())
        status, out, _ = run(drilled, capsys, "--json")
        shop = json.loads(out)["databases"][1]
        assert status == 1
        assert any(verdict.drill in problem for problem in shop["problems"])
        assert verdict.drill not in [drill["drill"] for drill in shop["drills"]]
    finally:
        path.write_bytes(content)
