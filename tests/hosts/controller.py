"""A controller in a process of its own, to be killed: `python -m tests.hosts.controller`.

Its stdin: {"sshd": {"port", "host_key", "user_key"}, "run": NAME, "grace": SECONDS, "job": JOB}.
"""

from __future__ import annotations

import json
import pathlib
import sys

from include.proven import agent_client
from include.proven.hosts.ssh import SshHost
from tests.servers.sshd import KeyPair, Sshd

if __name__ == "__main__":
    order = json.load(sys.stdin)
    said = order["sshd"]
    host_key, user_key = (KeyPair(**said[name]) for name in ("host_key", "user_key"))
    sshd = Sshd(pathlib.Path(), port=said["port"], host_key=host_key, user_key=user_key)
    host = SshHost(sshd.client, name="db1.example.org")
    agent_client.run(order["job"], host=host, name=order["run"], grace=order["grace"])
