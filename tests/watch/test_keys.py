"""Keys that stop working soon, and keys that do not work: each is produced with real gpg."""

from __future__ import annotations

import datetime
import pathlib

import pytest

from include.proven import errors
from include.proven.demo.keys import DemoKeys
from include.proven.encryption import gpg
from include.proven.watch import keys
from include.proven.watch.concern import Finding
from tests.servers.gnupg import Home, NewHome
from tests.watch import installations

BACKUP, ESCROW = "backup@proven.invalid", "escrow@proven.invalid"
DAY = datetime.timedelta(days=1)


def look(
    home: pathlib.Path, *recipients: str, after: datetime.timedelta = datetime.timedelta(0), **gnupg: object
) -> list[Finding]:
    """Return what is wrong with the keys of a home, after so long."""
    installation = installations.install(home, {"disk": {"kind": "directory", "path": "/"}}, recipients=[*recipients], **gnupg)
    return list(keys.look(installation, datetime.datetime.now(datetime.UTC) + after))


def unusable(findings: list[Finding]) -> dict[str, str]:
    """Return what can't be done, and why."""
    return {finding.thing: finding.summary for finding in findings if finding.kind == "key-unusable"}


def test_keys_that_work_are_no_finding(gpg_home: DemoKeys) -> None:
    assert look(gpg_home.home, BACKUP, ESCROW) == []


@pytest.mark.failure("B3")
def test_a_key_that_expires_is_told_of_ever_more_urgently(new_home: NewHome) -> None:
    """A recipient's only encryption subkey; its primary key and the signer last for good."""
    home = new_home()
    home.new_key(f"Me <{BACKUP}>")
    soon = home.new_key(f"Escrow <{ESCROW}>", kind="ed25519", usage="sign")
    home.gpg("--passphrase", "", "--quick-add-key", soon, "cv25519", "encr", "60d")
    told = {}
    for days in (29, 31, 52, 54, 58.5, 59.5, 61):
        found = look(home.path, BACKUP, ESCROW, after=days * DAY)
        assert [finding.thing for finding in found] in ([], [soon])
        told[days] = [(finding.key, finding.severity) for finding in found]
    key = f"key-expiring/{soon}"
    assert told == {
        29: [],
        31: [(key, "warning")],
        52: [(key, "warning")],
        54: [(key, "error")],
        58.5: [(key, "error")],
        59.5: [(key, "critical")],
        61: [],  # by then it is unusable, and gpg's own clock says so
    }


@pytest.mark.failure("B3")
def test_an_expired_recipient_can_not_be_used(new_home: NewHome) -> None:
    """gpg itself lives in the year 2030: the key ended three days before."""
    home = new_home()
    home.new_key(f"Me <{BACKUP}>", at="20290101T000000")
    home.new_key(f"Escrow <{ESCROW}>", at="20290101T000000", expires="20300101T000000")
    (home.path / "gpg.conf").write_text("faked-system-time 20291231T000000\n")
    assert unusable(look(home.path, BACKUP, ESCROW)) == {}
    (home.path / "gpg.conf").write_text("faked-system-time 20300104T000000\n")
    assert unusable(look(home.path, BACKUP, ESCROW)) == {ESCROW: f"gnupg: recipient {ESCROW}: the key has expired"}


@pytest.mark.failure("B3")
def test_a_recipient_that_is_nowhere(gpg_home: DemoKeys) -> None:
    (found,) = look(gpg_home.home, BACKUP, "nobody@proven.invalid")
    assert found.key == "key-unusable/nobody@proven.invalid"
    assert "no public key" in found.summary
    assert "--import" in found.hint


def test_a_home_with_public_keys_only(gpg_home: DemoKeys, new_home: NewHome) -> None:
    home = public_half(gpg_home, new_home())
    found = look(home.path, BACKUP, ESCROW)
    assert unusable(found).keys() == {"decryption", "signature"}
    assert all("no private key" in finding.summary for finding in found)
    assert all(finding.hint for finding in found)


def test_a_passphrase_that_is_wrong(new_home: NewHome, tmp_path: pathlib.Path) -> None:
    home = new_home()
    home.new_key(f"Me <{BACKUP}>", passphrase="right")
    gpg.stop_agents(home.path)  # it remembers the passphrase
    (tmp_path / "passphrase").write_text("wrong\n")
    found = unusable(look(home.path, BACKUP, passphrase_file=str(tmp_path / "passphrase")))
    assert found.keys() == {"decryption", "signature"}
    assert all("passphrase is wrong" in why for why in found.values())
    (tmp_path / "passphrase").write_text("right\n")
    assert look(home.path, BACKUP, passphrase_file=str(tmp_path / "passphrase")) == []


def test_a_home_that_is_gone_can_not_be_looked_at(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.EncryptionError, match="does not exist"):
        look(tmp_path / "nowhere", BACKUP)


def public_half(keys_of: DemoKeys, home: Home) -> Home:
    """Give a home the public halves of both demo keys, trusted as in the demo's."""
    source = Home(keys_of.home)
    home.gpg("--import", content=source.gpg("--export"))
    home.gpg("--import-ownertrust", content=source.gpg("--export-ownertrust"))
    return home
