"""Brings the agent to another machine. Nothing is needed there but a shell and Python: not even SFTP."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

import paramiko

from include.proven import agent_archive
from include.proven.errors import ToolError
from include.proven.hosts import ssh_line

PYTHON = (3, 9)
"""The oldest that the agent runs on: Debian 11 and RHEL 9 have it."""
SECONDS = 60.0
"""Time limit for a channel to open, and for each answer while the agent is copied."""

RECEIVER = """
import json, os, sys
name, size = sys.argv[1], int(sys.argv[2])
folder = os.path.join(os.path.expanduser("~"), ".cache", "proven")
path = os.path.join(folder, name)
staged = "%s.%d" % (path, os.getpid())
def say(**said):
    print(json.dumps(said))
    sys.stdout.flush()
there = os.path.exists(path) and os.path.getsize(path) == size
say(version=list(sys.version_info[:2]), path=path, there=there)
content = sys.stdin.buffer.read()
if len(content) != size:
    sys.exit()
os.umask(0o077)
try:
    os.makedirs(folder, exist_ok=True)
    with open(staged, "wb") as file:
        file.write(content)
        os.fsync(file.fileno())
    os.rename(staged, path)
except OSError as error:
    if os.path.exists(staged):
        os.unlink(staged)
    say(error=str(error))
else:
    say(error="")
"""
"""Runs there, on any Python 3: says what it finds, reads the file from stdin, puts it in place whole or not at all."""


def execute(client: paramiko.SSHClient, *commands: Sequence[str]) -> paramiko.Channel:
    """Return a channel on which these argvs run one after the other, as long as each succeeds.

    A shell of ours waits for them: an end by a signal is an exit status then. Raise paramiko's errors, OSError and EOFError.
    """
    transport = client.get_transport()
    if transport is None:
        raise EOFError("the connection is closed")
    channel = transport.open_session(timeout=SECONDS)
    channel.exec_command(f"exec sh -c {shlex.quote(' && '.join(map(shlex.join, commands)) + '; exit $?')}")
    return channel


def copy_agent(client: paramiko.SSHClient, host: str, sudo: Sequence[str]) -> str:
    """Return the agent's path on that host, where it is copied to unless it is there.

    `sudo` is what agents are started with. Raise ToolError if it is refused, if there is no Python that does, no room or no
    home; else as `execute`.
    """
    archive = agent_archive.build_agent()
    content = archive.read_bytes()
    receive = ["python3", "-I", "-c", RECEIVER, archive.name, str(len(content))]
    with execute(client, *([[*sudo, "true"]] if sudo else []), receive) as channel:
        channel.settimeout(SECONDS)
        lines = ssh_line.Lines(ssh_line.Output(channel))
        found = _parse(lines.readline(), channel, host)
        if tuple(found["version"]) < PYTHON:
            raise _no_python(host, f"python3 is {'.'.join(map(str, found['version']))}")
        if not found["there"]:
            channel.sendall(content)
            channel.shutdown_write()
            if error := _parse(lines.readline(), channel, host)["error"]:
                hint = (
                    f"The login needs a home directory there that it may write to, with {len(content) // 1024 + 1} KiB of room."
                )
                raise ToolError(f"ssh {host}: the agent can't be copied to {found['path']}", detail=error, hint=hint)
    return str(found["path"])


def _parse(line: bytes, channel: paramiko.Channel, host: str) -> dict[str, Any]:
    """Return what the receiver says. Raise ToolError if that is not it."""
    try:
        said: dict[str, Any] = json.loads(line)
    except ValueError:
        raise _refusal(line, channel, host) from None
    return said


def _refusal(line: bytes, channel: paramiko.Channel, host: str) -> ToolError:
    """Return why there is no receiver."""
    if line:
        hint = "The start-up files of the login's shell must print nothing when nobody sits before it."
        return ToolError(f"ssh {host}: python3 was to answer, and something else did", detail=repr(line), hint=hint)
    words = channel.recv_stderr(4096).decode("utf-8", "replace").strip()
    status = channel.recv_exit_status()
    if status < 0:
        raise EOFError("the connection was closed while the agent was copied")
    if "sudo:" in words:
        hint = "Let this login use sudo without a password (`NOPASSWD: ALL` in /etc/sudoers.d), or log in as root."
        return ToolError(f"ssh {host}: sudo is refused", detail=words, hint=hint)
    if status == 127:
        return _no_python(host, words)
    return ToolError(f"ssh {host}: python3 can't be started (exit status {status})", detail=words)


def _no_python(host: str, detail: str) -> ToolError:
    least = ".".join(map(str, PYTHON))
    hint = f"Install Python {least} or newer there, as `python3` on the PATH of an SSH session; no module of it is needed."
    return ToolError(f"ssh {host}: no python3 that the agent can run on", detail=detail, hint=hint)
