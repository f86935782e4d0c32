"""What a fleet file says is what the fleet holds."""

from __future__ import annotations

import datetime
import pathlib

import pytest

from include.proven.errors import ConfigError
from include.proven.fleet import load, source
from tests.fleet.test_faults import GOOD, changed


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "fleet.yaml"
    path.write_text(GOOD)
    return path


def test_durations_are_written_as_people_say_them(file: pathlib.Path) -> None:
    file.write_text(changed("rpo: 26h, rto: 1h", "rpo: 1d 2h, rto: 90m"))
    objectives = load.load(file).databases["shop"].objectives
    assert objectives.rpo == datetime.timedelta(hours=26)
    assert objectives.rto == datetime.timedelta(minutes=90)


@pytest.mark.parametrize("text", ["26", "h", "", "26 hours", "-1h", "0s", "1.5h", "7"])
def test_a_duration_without_a_unit_is_a_fault(file: pathlib.Path, text: str) -> None:
    file.write_text(changed("rto: 1h", f"rto: '{text}'"))
    (fault,) = load.find_faults(file)
    assert fault.where == "databases.shop.objectives.rto"
    assert "is no duration" in fault.what


def test_values_come_from_the_environment(file: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = changed("owner: shop-team", "owner: ${TEAM:-nobody} of ${PLACE}, $${NOT}")
    file.write_text(text.replace("contacts: [oncall]", "contacts: [oncall]\n    compression_level: ${LEVEL:-7}"))
    monkeypatch.setenv("PLACE", "Ulm")
    monkeypatch.setenv("TEAM", "")
    database = load.load(file).databases["shop"]
    assert database.owner == "nobody of Ulm, ${NOT}"
    assert database.compression_level == 7


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not_set_is_a_fault(file: pathlib.Path, monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("TEAM", raising=False)
    if value is not None:
        monkeypatch.setenv("TEAM", value)
    file.write_text(changed("owner: shop-team", "owner: ${TEAM}"))
    (fault,) = load.find_faults(file)
    assert fault.line == 22
    assert "environment variable TEAM" in fault.what


@pytest.mark.parametrize("text", ["${", "${}", "${A", "${1A}", "${A:-${B}}", "${A-b}"])
def test_a_malformed_reference_is_a_fault(file: pathlib.Path, text: str) -> None:
    file.write_text(changed("owner: shop-team", f"owner: '{text}'"))
    (fault,) = load.find_faults(file)
    assert (fault.line, fault.where) == (22, "databases.shop.owner")


def test_a_value_of_the_environment_shows_in_no_fault(file: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE", "hunter2")
    file.write_text(changed("engine: mariadb", "engine: ${ENGINE}").replace("store: swift", "store: ${ENGINE}"))
    assert "hunter2" not in "".join(map(str, load.find_faults(file)))


def test_an_anchor_is_taken_over_and_what_stands_beside_it_goes_first(file: pathlib.Path) -> None:
    file.write_text(GOOD.replace("  shop:", "  shop: &shop") + "  other:\n    <<: *shop\n    owner: other-team\n")
    fleet = load.load(file)
    assert fleet.databases["other"] == fleet.databases["shop"].model_copy(update={"owner": "other-team"})


def test_paths_count_from_the_files_folder_and_know_the_home(file: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert load.load(file).gnupg.home == file.parent / "keys"
    file.write_text(changed("home: keys", "home: ~/keys"))
    assert load.load(file).gnupg.home == pathlib.Path("/home/somebody/keys")


def test_the_file_is_that_of_the_environment_else_ours(file: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVEN_FLEET", str(file))
    assert list(load.load().databases) == ["shop"]
    monkeypatch.delenv("PROVEN_FLEET")
    assert load.default_path() == pathlib.Path(__file__).parents[2] / "include" / "fleet.yaml"


def test_an_unknown_database_gets_a_suggestion(file: pathlib.Path) -> None:
    with pytest.raises(ConfigError, match="no database is named 'shp'") as caught:
        load.load(file).database("shp")
    assert caught.value.hint == "Did you mean 'shop'?"


def test_checks_lie_beside_the_file(file: pathlib.Path) -> None:
    assert load.load(file).checks_folder("shop") is None
    (file.parent / "checks" / "shop").mkdir(parents=True)
    assert load.load(file).checks_folder("shop") == file.parent / "checks" / "shop"


def test_checks_that_are_named_must_be_there(file: pathlib.Path) -> None:
    (file.parent / "checks" / "common").mkdir(parents=True)
    file.write_text(changed("    owner:", "    checks: common\n    owner:"))
    fleet = load.load(file)
    assert fleet.checks_folder("shop") == file.parent / "checks" / "common"
    (file.parent / "checks" / "common").rmdir()
    with pytest.raises(ConfigError, match="is no folder"):
        fleet.checks_folder("shop")


def test_a_large_file_says_what_it_would_say_if_it_were_small(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    last = "last: &kept {a: [no, 1:30, ~, 2026-01-01, 1.5]}\nsame: *kept\n"
    text = GOOD + f"# {'x' * source.LARGE}\n" + last
    path = tmp_path / "fleet.yaml"
    path.write_text(text)
    fast, _ = source.read_document(path, {})
    monkeypatch.setattr(source, "LARGE", len(text) + 1)
    assert fast == source.read_document(path, {})[0]
    assert fast is not None
    assert fast.value["same"] == {"a": ["no", "1:30", None, "2026-01-01", 1.5]}
