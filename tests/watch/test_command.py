"""`./proven watch`, as cron calls it: Airflow is not there, and no database answers."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from include.proven.bench import history
from include.proven.bench import watch as bench
from include.proven.demo.keys import create_demo_keys
from include.proven.encryption import gpg
from tests.servers.pager import Pager

CHECKOUT = pathlib.Path(__file__).parents[2]
DATABASES, POINTS = 50, 5


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bench.Bed]:
    """A directory store with the histories of many databases, one of which is beyond its RPO."""
    folder = tmp_path_factory.mktemp("watched", numbered=True)
    # the agent's socket has a path of at most 107 bytes
    home = pathlib.Path("/tmp") / f"proven-watch-{os.getpid()}"
    create_demo_keys(home)
    (folder / "gnupg").symlink_to(home)
    with bench.directory_bed(bench.plan(folder, DATABASES, POINTS)) as bed:
        yield bed
    gpg.stop_agents(home)
    shutil.rmtree(home)


def watch(bed: bench.Bed, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "include.proven.cli", "watch", *arguments],
        cwd=CHECKOUT,
        env={**os.environ, **bed.variables, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.failure("D6")
def test_it_names_each_database_beyond_its_rpo_in_one_line(bed: bench.Bed) -> None:
    done = watch(bed, "--no-page", "--quiet")
    (line,) = done.stdout.splitlines()
    assert bed.late == {"shop_0000"}
    assert line.startswith("shop_0000: the newest proof is too old: the newest proven data is 2 d 3 h old (")
    assert done.returncode == 1
    assert done.stderr == ""


def test_its_json_says_the_same(bed: bench.Bed) -> None:
    done = watch(bed, "--no-page", "--json", "--only", "recency")
    document = json.loads(done.stdout)
    assert [(found["kind"], found["database"], found["severity"]) for found in document["findings"]] == [
        ("proof-old", "shop_0000", "critical")
    ]
    assert (document["in_order"], document["failed"], document["undelivered"]) == (False, {}, [])


def test_a_store_that_is_gone_is_no_good_news(bed: bench.Bed, tmp_path: pathlib.Path) -> None:
    fleet = pathlib.Path(bed.variables["PROVEN_FLEET"]).read_text()
    (tmp_path / "fleet.yaml").write_text(fleet.replace("path: ", f"path: {tmp_path}/gone"))
    done = watch(bed, "--no-page", "--only", "recency", PROVEN_FLEET=str(tmp_path / "fleet.yaml"))
    assert done.returncode == 1
    assert done.stdout == ""
    assert "recency could not be looked at" in done.stderr
    assert "is not there" in done.stderr


def test_when_all_is_in_order_it_says_so_and_ends_with_0(bed: bench.Bed, tmp_path: pathlib.Path) -> None:
    document = history.document(pathlib.Path(bed.folder / "gnupg"), ["shop_0001"], bed.config)
    (tmp_path / "fleet.yaml").write_text(json.dumps(document))
    done = watch(bed, PROVEN_FLEET=str(tmp_path / "fleet.yaml"))
    assert (done.stdout, done.stderr, done.returncode) == ("1 database: all in order\n", "", 0)
    assert watch(bed, "--quiet", PROVEN_FLEET=str(tmp_path / "fleet.yaml")).stdout == ""


@pytest.mark.failure("D5")
def test_it_pages_and_says_whom_it_could_not_tell(bed: bench.Bed, tmp_path: pathlib.Path, pager: Pager) -> None:
    fleet = pathlib.Path(bed.variables["PROVEN_FLEET"]).read_text()
    paths = {"refused": f"{pager.webhook}/nowhere", "taken": pager.webhook}
    for name, address in paths.items():
        (tmp_path / f"{name}.yaml").write_text(fleet.replace("http://127.0.0.1:9/", address))
    done = watch(bed, PROVEN_FLEET=str(tmp_path / "refused.yaml"))
    assert done.returncode == 1
    assert "not delivered: shop_0000/proof-old: nobody has not got the page" in " ".join(done.stderr.split())
    assert pager.posts == []
    done = watch(bed, PROVEN_FLEET=str(tmp_path / "taken.yaml"))
    assert (done.returncode, done.stderr) == (1, ""), "everybody knows, but the proof is still too old"
    told = [(post["event"], post["dedup_key"]) for post in pager.posts]
    assert told.count(("trigger", "proven/shop_0000/proof-old")) == 1
    assert watch(bed, PROVEN_FLEET=str(tmp_path / "taken.yaml")).returncode == 1
    assert [(post["event"], post["dedup_key"]) for post in pager.posts] == told
