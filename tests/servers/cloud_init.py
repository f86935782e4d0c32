"""The first process of a machine of the tests: sets up its disk, does what cloud-init would do with its user data, runs sshd.

It does what cloud-init does with the same keys, in the same order; a key that it does not know is an error, so that nothing
passes here by being ignored. `packages` are not installed: the image is this machine's own /usr and has them.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import time
from typing import Any

import yaml

KNOWN = {
    *("disable_root", "package_update", "packages", "runcmd", "ssh", "ssh_deletekeys", "ssh_keys", "ssh_pwauth", "users"),
    *("write_files", "no_ssh_fingerprints", "ssh_genkeytypes"),
}
KNOWN_OF_A_USER = {"name", "lock_passwd", "sudo", "ssh_authorized_keys", "shell"}
KNOWN_OF_A_FILE = {"path", "content", "permissions"}
VAR = ("tmp", "log", "lib", "cache")
OUTPUT = "var/log/cloud-init-output.log"


def main(place: pathlib.Path, ssh_port: int, programs: list[pathlib.Path]) -> None:
    """Boot, run sshd and the user data's commands, and then be the parent of all that runs there until it is killed."""
    (place / "has-namespaces").touch()
    root = place / "root"
    _mount(place, root, programs)
    while not (place / "machine.json").exists():  # plugged in
        time.sleep(0.02)
    text = (place / "user-data").read_text()
    if not text.startswith("#cloud-config\n"):
        raise SystemExit("the user data is no cloud-config")
    data = yaml.safe_load(text)
    _check(data)
    _write_files(root, data.get("write_files", []))
    for user in data.get("users", []):
        _add_user(root, user)
    _install_host_keys(root, data)
    _start_sshd(root, ssh_port, password=data.get("ssh_pwauth", True))
    log = (root / OUTPUT).open("ab")
    for command in data.get("runcmd", []):
        done = subprocess.run(_in(root, command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)
        print(f"cloud-init: {command[0]} ended with status {done.returncode}", flush=True)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            time.sleep(3600)


def _mount(place: pathlib.Path, root: pathlib.Path, programs: list[pathlib.Path]) -> None:
    """Make the root directory: /usr and /etc are this machine's with a layer of its own, everything else is new."""
    _run("mount", "--make-rprivate", "/")
    for folder in (
        "dev",
        "proc",
        "root",
        "home",
        "run/sshd",
        "tmp",
        "var/tmp",
        "var/log",
        "var/lib",
        "var/cache",
        "usr",
        "etc",
    ):
        (root / folder).mkdir(parents=True)
    for folder in ("tmp", "var/tmp"):
        (root / folder).chmod(0o1777)
    (root / "root").chmod(0o700)
    for layer in ("usr", "etc"):
        upper, work = place / f"upper-{layer}", place / f"work-{layer}"
        upper.mkdir()
        work.mkdir()
        _run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir=/{layer},upperdir={upper},workdir={work}", str(root / layer))
    for name in ("bin", "sbin", "lib", "lib64"):
        link = pathlib.Path("/", name)
        if link.is_symlink():
            (root / name).symlink_to(link.readlink())
        elif link.exists():
            (root / name).mkdir()
            _run("mount", "--bind", str(link), str(root / name))
    _run("mount", "-t", "proc", "proc", str(root / "proc"))
    _run("mount", "--rbind", "/dev", str(root / "dev"))
    for folder in programs:  # MySQL's programs begin with the directory above them
        inside = root / folder.parent.relative_to("/")
        inside.mkdir(parents=True)
        _run("mount", "--bind", "-o", "ro", str(folder.parent), str(inside))
        for program in folder.iterdir():
            (root / "usr/local/bin" / program.name).unlink(missing_ok=True)
            (root / "usr/local/bin" / program.name).symlink_to(program)
    _run("hostname", place.name[:60])
    with (root / "etc/hosts").open("a") as hosts:
        hosts.write(f"127.0.0.1 {place.name[:60]}\n")


def _check(data: dict[str, Any]) -> None:
    unknown = set(data) - KNOWN
    unknown |= {key for user in data.get("users", []) for key in set(user) - KNOWN_OF_A_USER}
    unknown |= {key for file in data.get("write_files", []) for key in set(file) - KNOWN_OF_A_FILE}
    if unknown:
        raise SystemExit(f"the user data holds what this cloud-init does not know: {sorted(unknown)}")


def _write_files(root: pathlib.Path, files: list[dict[str, str]]) -> None:
    for file in files:
        path = root / file["path"].lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file["content"])
        path.chmod(int(file.get("permissions", "0644"), 8))


def _add_user(root: pathlib.Path, user: dict[str, Any]) -> None:
    name = user["name"]
    if subprocess.run(_in(root, ["id", name]), capture_output=True, check=False).returncode:
        _run(*_in(root, ["useradd", "--create-home", name]))
    home = root / subprocess.run(
        _in(root, ["sh", "-c", f"getent passwd {name} | cut -d: -f6"]), capture_output=True, text=True, check=True
    ).stdout.strip().lstrip("/")  # fmt: skip
    if user.get("lock_passwd", True):
        _run(*_in(root, ["passwd", "--quiet", "--lock", name]))
    if "sudo" in user:
        rule = root / "etc/sudoers.d/90-cloud-init-users"
        rule.write_text(f"{name} {user['sudo']}\n")
        rule.chmod(0o440)
    keys = home / ".ssh/authorized_keys"
    keys.parent.mkdir(mode=0o700, exist_ok=True)
    keys.write_text("".join(f"{key}\n" for key in user.get("ssh_authorized_keys", [])))
    keys.chmod(0o600)
    _run(*_in(root, ["chown", "-R", f"{name}:", f"/{keys.parent.relative_to(root)}"]))


def _install_host_keys(root: pathlib.Path, data: dict[str, Any]) -> None:
    if data.get("ssh_deletekeys", True):
        for key in (root / "etc/ssh").glob("ssh_host_*key*"):
            key.unlink()
    for name, text in data.get("ssh_keys", {}).items():
        kind, _, half = name.partition("_")
        path = root / f"etc/ssh/ssh_host_{kind}_key{'.pub' if half == 'public' else ''}"
        path.write_text(text)
        path.chmod(0o644 if half == "public" else 0o600)
    if not data.get("ssh_keys"):
        _run(*_in(root, ["ssh-keygen", "-A"]))


def _start_sshd(root: pathlib.Path, port: int, *, password: bool) -> None:
    options = ["-o", f"PasswordAuthentication={'yes' if password else 'no'}", "-p", str(port)]
    _run(*_in(root, ["/usr/sbin/sshd", *options]))


def _in(root: pathlib.Path, argv: list[str]) -> list[str]:
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return ["chroot", str(root), "/usr/bin/env", "-i", f"PATH={path}", "HOME=/root", "LC_ALL=C.UTF-8", *argv]


def _run(*argv: str) -> None:
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{json.dumps(argv)} ended with status {done.returncode}: {done.stderr.strip()}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]), [pathlib.Path(folder) for folder in sys.argv[3:]])
