"""A machine's keys: the same for all who know the seed, others for every machine and purpose, and such as SSH reads."""

from __future__ import annotations

import pathlib
import subprocess

import paramiko

from include.proven.hosts import ssh_keys
from include.proven.sandboxes.one_time_keys import OneTimeKeys


def test_whoever_knows_the_seed_has_the_same_keys() -> None:
    one, other = (OneTimeKeys("seed", "nova").derive("user", "proven-a") for _ in range(2))
    assert one.public == other.public
    assert ssh_keys.read_private_key(one.private, "", "a") == ssh_keys.read_private_key(other.private, "", "b")


def test_no_two_machines_sandboxes_purposes_or_seeds_share_a_key() -> None:
    keys = {
        OneTimeKeys(seed, sandbox).derive(purpose, instance).public
        for seed in ("seed", "other")
        for sandbox in ("nova", "novap")
        for purpose in ("host", "user")
        for instance in ("proven-a", "roven-a", "proven-b")
    }
    assert len(keys) == 2 * 2 * 2 * 3


def test_openssh_reads_the_key_and_finds_the_same_public_half(tmp_path: pathlib.Path) -> None:
    pair = OneTimeKeys("seed", "nova").derive("host", "proven-a")
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_text(pair.private)
    said = subprocess.run(["ssh-keygen", "-y", "-f", str(path)], capture_output=True, text=True, check=True).stdout
    assert said.strip() == pair.public
    assert isinstance(ssh_keys.read_host_key(pair.public, "a"), paramiko.Ed25519Key)


def test_repr_shows_no_private_key() -> None:
    assert "PRIVATE" not in repr(OneTimeKeys("seed", "nova").derive("user", "proven-a"))
    assert "seed" not in repr(OneTimeKeys("seed", "nova"))
