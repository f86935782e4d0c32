"""A look around inside a sandbox's machine, as root, while a drill is under way in it."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from include.proven.sandboxes.machines import MachineSandbox

SECONDS = 300

LOOK = r"""
import base64, json, os, re, socket, sys

asked = json.load(sys.stdin)
needles = {name: base64.b64decode(text) for name, text in asked["needles"].items()}
found = {name: [] for name in needles}
LARGEST = 64 * 1024 * 1024

def search(place, content):
    for name, needle in needles.items():
        if needle in content:
            found[name].append(place)

def read(path):
    try:
        with open(path, "rb") as file:
            return file.read(LARGEST)
    except OSError:
        return b""

def read_memory(pid):
    "Yield what the process may have written to, piece by piece."
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for begin, end in re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw", maps.read(), re.MULTILINE):
            with_begin, size = int(begin, 16), int(end, 16) - int(begin, 16)
            try:
                memory.seek(with_begin)
                yield memory.read(min(size, LARGEST))
            except OSError:
                pass

agents = []
for pid in filter(str.isdigit, os.listdir("/proc")):
    if int(pid) == os.getpid():
        continue
    argv = read(f"/proc/{pid}/cmdline")
    search(f"the arguments of {argv!r}", argv)
    search(f"the environment of {argv!r}", read(f"/proc/{pid}/environ"))
    program = argv.split(b"\0")[0].rpartition(b"/")[2]
    if program.startswith(b"python3") and b".pyz\0" in argv:
        agents.append(argv.decode().split("\0"))
        try:
            for piece in read_memory(pid):
                search(f"the memory of {argv!r}", piece)
        except OSError:
            pass
for root in asked["folders"]:
    for folder, _, files in os.walk(root):
        for path in (f"{folder}/{file}" for file in files):
            if os.path.isfile(path) and not os.path.islink(path):
                search(path, read(path))
search("the config drive", read("/dev/sr0"))

def reach(host, port):
    try:
        socket.create_connection((host, port), 5).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""

refusals = [reach(host, port) for host, port in asked["addresses"]]
print(json.dumps({"found": found, "agents": agents, "refusals": refusals}))
"""


@dataclasses.dataclass(frozen=True)
class Seen:
    found: dict[str, list[str]]
    """Where each needle lies: in files, on the config drive, in arguments and environments of processes, in agents' memory."""
    agents: list[list[str]]
    """The argv of every agent that ran."""
    refusals: list[str]
    """Why each address was not reached; empty: it was."""


def look(sandbox: MachineSandbox, name: str, needles: Mapping[str, bytes], addresses: Sequence[tuple[str, int]]) -> Seen:
    """Look for the needles, and try the addresses. Needles travel on stdin, so that looking leaves none behind."""
    asked = {
        "needles": {name: base64.b64encode(needle).decode() for name, needle in needles.items()},
        "addresses": [list(address) for address in addresses],
        "folders": [
            "/etc",
            "/home",
            "/root",
            "/run",
            "/tmp",
            "/var/lib/cloud",
            "/var/lib/mysql",
            "/var/log",
            "/var/tmp",
            "/dev/shm",
        ],
    }
    with contextlib.closing(sandbox.log_in(sandbox.look(name))) as client:
        command = shlex.join(["sudo", "-n", "--", "python3", "-I", "-c", LOOK])
        stdin, stdout, stderr = client.exec_command(command, timeout=SECONDS)
        stdin.write(json.dumps(asked))
        stdin.channel.shutdown_write()
        said, words = stdout.read(), stderr.read()
        assert stdout.channel.recv_exit_status() == 0, words.decode()
    answer: dict[str, Any] = json.loads(said)
    return Seen(**answer)
