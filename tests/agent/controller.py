"""A controller in a process of its own, to be killed: `python -m tests.agent.controller < {"url": …, "job": …}`."""

from __future__ import annotations

import json
import sys

from include.proven import agent_client
from tests.agent.object_server import Signer

if __name__ == "__main__":
    order = json.load(sys.stdin)
    agent_client.run(order["job"], signer=Signer(order["url"]))
