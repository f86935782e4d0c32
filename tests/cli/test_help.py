"""Every command explains itself."""

from __future__ import annotations

import pytest

from include.proven.cli import main
from include.proven.cli.commands import COMMANDS, load


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_help_with_exit_statuses(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main([name, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "--json" in said
    assert "Exit status" in said
    assert name == load(name).NAME


def test_an_unknown_command_names_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(["bakup"])
    assert ended.value.code == 2
    assert "backup" in capsys.readouterr().err
