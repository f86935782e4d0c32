"""The metrics say what the records say, leave out what nobody knows, and go to the node exporter in one piece."""

from __future__ import annotations

import dataclasses
import datetime
import pathlib
import re

import pytest
import yaml
from prometheus_client import parser

from include.proven import metrics
from include.proven.fleet import pages
from include.proven.installation import Installation
from include.proven.watch import heartbeats
from tests.reports.conftest import Drilled

DOCS = pathlib.Path(__file__).parents[2] / "docs"
ALERTS = DOCS / "examples" / "prometheus-alerts.yml"
DOCUMENT = DOCS / "heartbeats.md"
NOW = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)


@dataclasses.dataclass
class Seen:
    """What a watch has seen."""

    in_order: bool = True


def samples(text: str) -> dict[str, float]:
    """Return each sample by name and labels, as Prometheus would read it."""
    found = (sample for family in parser.text_string_to_metric_families(text) for sample in family.samples)
    return {sample.name + "".join(f" {value}" for _, value in sorted(sample.labels.items())): sample.value for sample in found}


@pytest.fixture(scope="module")
def read(drilled: Drilled) -> dict[str, float]:
    return samples(metrics.gather(drilled.installation, now=NOW).text)


def test_they_say_what_the_records_say(read: dict[str, float], drilled: Drilled) -> None:
    assert drilled.proven.data_age_seconds is not None
    proven_of = drilled.proven.started_at.timestamp() - drilled.proven.data_age_seconds
    assert read["proven_proof_timestamp_seconds shop"] == pytest.approx(proven_of)
    assert read["proven_drill_timestamp_seconds shop"] == pytest.approx(drilled.untrusted.started_at.timestamp())
    assert read["proven_point_in_time_timestamp_seconds shop"] == drilled.proven.started_at.timestamp()
    assert read["proven_restore_seconds shop"] == drilled.proven.measured_rto_seconds
    assert [read[f"proven_verdict shop {outcome}"] for outcome in ("proven", "refuted", "unproven")] == [0, 1, 0]
    assert (read["proven_rpo_seconds shop"], read["proven_rto_seconds idle"]) == (26 * 3600, 3600)
    assert (read["proven_recovery_points shop disk"], read["proven_store_up shop disk"]) == (3, 1)
    assert read["proven_problems shop"] == 1, "the newest manifest is forged"


def test_sizes_are_those_of_a_manifest_that_can_be_trusted(read: dict[str, float], drilled: Drilled) -> None:
    assert not any(name.startswith("proven_backup_") for name in read)
    forged = drilled.store / "shop" / drilled.untrusted.recovery_point / "manifest.json"
    aside = forged.rename(forged.with_suffix(".aside"))
    try:
        seen = samples(metrics.gather(drilled.installation, now=NOW).text)
    finally:
        aside.rename(forged)
    manifest = drilled.installation.catalog("shop").manifest("shop", drilled.refuted.recovery_point)
    assert seen["proven_backup_stored_bytes shop"] == sum(artifact.bytes for artifact in manifest.artifacts) > 0
    assert seen["proven_backup_plain_bytes shop"] > 0
    assert seen["proven_backup_seconds shop"] == (manifest.finished_at - manifest.started_at).total_seconds()
    assert seen["proven_recovery_point_timestamp_seconds shop"] == manifest.data_as_of.timestamp()


def test_what_nobody_knows_has_no_number(read: dict[str, float]) -> None:
    known = {name.split()[0] for name in read if name.endswith(" idle") or " idle " in name}
    assert known == {
        "proven_rpo_seconds",
        "proven_rto_seconds",
        "proven_problems",
        "proven_verdict",
        "proven_store_up",
        "proven_recovery_points",
        "proven_pages_open",
    }
    assert read["proven_verdict idle proven"] == 0
    assert metrics.IN_ORDER not in read, "only the watch can tell"


def writing(drilled: Drilled, file: pathlib.Path) -> Installation:
    """Return the installation with a heartbeat for Prometheus."""
    fleet = drilled.installation.fleet
    beats = {"node": pages.PrometheusHeartbeat(kind="prometheus", file=file)}
    return Installation(fleet.model_copy(update={"pages": fleet.pages.model_copy(update={"heartbeats": beats})}))


@pytest.mark.failure("D6")
def test_the_moment_of_order_stands_still_while_something_is_wrong(drilled: Drilled, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "proven.prom"
    installation = writing(drilled, file)
    assert heartbeats.beat(installation, Seen(in_order=False), now=NOW) == []
    assert metrics.IN_ORDER not in samples(file.read_text()), "nobody has ever found all in order"
    assert heartbeats.beat(installation, Seen(), now=NOW) == []
    assert heartbeats.beat(installation, Seen(in_order=False), now=NOW + HOUR) == []
    seen = samples(file.read_text())
    assert seen[metrics.IN_ORDER] == NOW.timestamp()
    assert seen["proven_watch_timestamp_seconds"] == (NOW + HOUR).timestamp()
    assert seen["proven_verdict shop refuted"] == 1
    assert heartbeats.beat(installation, Seen(), now=NOW + 2 * HOUR) == []
    assert samples(file.read_text())[metrics.IN_ORDER] == (NOW + 2 * HOUR).timestamp()
    assert [path.name for path in tmp_path.iterdir()] == ["proven.prom"]
    assert file.stat().st_mode & 0o777 == 0o644, "node exporter is another account"


def test_a_file_that_is_broken_is_no_order(drilled: Drilled, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "proven.prom"
    file.write_text("proven_in_order_seconds{ 17\n")
    heartbeats.beat(writing(drilled, file), Seen(in_order=False), now=NOW)
    assert metrics.IN_ORDER not in samples(file.read_text())


@pytest.mark.failure("D5")
def test_a_file_that_can_not_be_written_is_told(drilled: Drilled, tmp_path: pathlib.Path) -> None:
    (tmp_path / "proven.prom").mkdir()
    (said,) = heartbeats.beat(writing(drilled, tmp_path / "proven.prom"), Seen(), now=NOW)
    assert said.startswith("metrics: can't write")
    (said,) = heartbeats.beat(writing(drilled, tmp_path / "nowhere" / "proven.prom"), Seen(), now=NOW)
    assert "is no directory" in said


def test_the_alerts_ask_for_metrics_that_there_are(drilled: Drilled, read: dict[str, float], tmp_path: pathlib.Path) -> None:
    file = tmp_path / "proven.prom"
    heartbeats.beat(writing(drilled, file), Seen(), now=NOW)
    written = {name.split()[0] for name in samples(file.read_text())}
    assert {name.split()[0] for name in read} < written
    rules = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    assert len(rules) > 5
    for rule in rules:
        asked = set(re.findall(r"proven_\w+", rule["expr"]))
        assert asked, rule["alert"]
        assert asked <= written, rule["alert"]
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["next"].startswith("./proven ")


def test_the_command_prints_them(drilled: Drilled, read: dict[str, float]) -> None:
    done = drilled.files.run("metrics")
    assert done.returncode == 0, done.stderr
    assert samples(done.stdout) == read


def test_the_documentation_lists_them_all(drilled: Drilled, tmp_path: pathlib.Path) -> None:
    aside = drilled.store / "shop" / drilled.untrusted.recovery_point
    hidden = aside.rename(tmp_path / aside.name)
    file = tmp_path / "proven.prom"
    try:
        heartbeats.beat(writing(drilled, file), Seen(), now=NOW)
    finally:
        hidden.rename(aside)
    listed = re.findall(r"`(proven_\w+)`", DOCUMENT.read_text().partition("| metric |")[2].partition("\n\n")[0])
    assert sorted(listed) == sorted({name.split()[0] for name in samples(file.read_text())})
