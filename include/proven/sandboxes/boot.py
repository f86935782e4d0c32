"""Waits for a machine: it runs, has an address, lets us in by SSH, has done what it was told, and its database answers."""

from __future__ import annotations

import contextlib
import datetime
import shlex
from typing import TYPE_CHECKING

import paramiko
import tenacity

from include.proven import agent_client, engines
from include.proven.agent import looks, protocol
from include.proven.errors import ProvenError, SandboxError
from include.proven.sandboxes.cloud import Machine
from include.proven.sandboxes.contract import Instance
from include.proven.sandboxes.user_data import PLACE

if TYPE_CHECKING:
    from include.proven.sandboxes.machines import MachineSandbox

LOG = "/var/log/cloud-init-output.log"
LAST_LINES = 15
QUERY_SECONDS = 20.0
LOOK_SECONDS = 20.0
"""For one look by SSH."""
READY, FAILED, BUSY = "ready", "failed", "busy"
STATUS = f"""
if [ -e {PLACE.ready} ]; then echo {READY}; elif [ -e {PLACE.failed} ]; then echo {FAILED}; else echo {BUSY}; fi
tail -n {LAST_LINES} {LOG} 2>/dev/null
"""


class NotYetError(Exception):
    """The machine has not got so far yet. `reached` says how far, `detail` what is in the way."""

    def __init__(self, reached: str, detail: str = "") -> None:
        super().__init__(reached)
        self.reached = reached
        self.detail = detail


def wait_for(sandbox: MachineSandbox, name: str) -> Instance:
    """Return the instance of that name when its database answers. Raise SandboxError at once if it can't come to that any more,
    and when the sandbox's time limit, which counts from the order, is over."""
    machine = sandbox.look(name)
    ordered_at = datetime.datetime.fromisoformat(machine.tags["created_at"])
    deadline = ordered_at + sandbox.config.ready_time_limit
    looks = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(NotYetError),
        # Many machines of a region are waited for at once: not in step.
        wait=tenacity.wait_exponential_jitter(multiplier=0.5, max=8, exp_base=1.5, jitter=1),
        stop=lambda _: datetime.datetime.now(datetime.UTC) >= deadline,
        reraise=True,
    )
    try:
        return looks(_look, sandbox, name)
    except NotYetError as error:
        limit = sandbox.config.ready_time_limit.total_seconds()
        raise SandboxError(
            f"sandbox {sandbox.name}: {name} is not ready after {limit:.0f} s: {error.reached}",
            detail=error.detail,
            hint="The machine's console log, if the cloud shows it, may say more. If it only needs longer, raise the sandbox's "
            "`ready_time_limit`.",
        ) from error


def ask_database(instance: Instance) -> None:
    """Ask the database something. Raise ProvenError if it does not answer."""
    endpoint = instance.endpoint
    tools = engines.engine(endpoint.flavour).tools()
    job = looks.QueryJob(
        protocol=protocol.VERSION,
        job="query",
        source=protocol.Endpoint(
            flavour=endpoint.flavour, socket=endpoint.socket, host="", port=0, user=endpoint.user, password=""
        ),
        tools=protocol.Tools(
            dump=tools.dump,
            client=tools.client,
            version=tools.version,
            binlog=tools.binlog,
            snapshot_marker=tools.snapshot_marker,
            end_marker=tools.end_marker,
            path=[],
        ),
        sql="SELECT 1",
        schema="",
        time_limit=QUERY_SECONDS,
    )
    agent_client.run(job, host=instance.host)


def _look(sandbox: MachineSandbox, name: str) -> Instance:
    machine = sandbox.look(name)
    if machine.state in {"failed", "ending"}:
        raise SandboxError(f"sandbox {sandbox.name}: {name} has failed in the cloud", detail=machine.said or machine.state)
    if machine.state != "running" or not machine.address:
        raise NotYetError(f"it has no address (the cloud says: {machine.state})", machine.said)
    _look_inside(sandbox, machine)
    instance = sandbox.describe(machine)
    try:
        ask_database(instance)
    except ProvenError as error:
        instance.host.close()
        raise NotYetError("its database is silent", f"{error.what}: {error.detail}") from error
    except BaseException:
        instance.host.close()
        raise
    return instance


def _look_inside(sandbox: MachineSandbox, machine: Machine) -> None:
    """Return if the machine has done all that its user data said. Raise NotYetError, or SandboxError if it has failed."""
    try:
        with contextlib.closing(sandbox.log_in(machine, timeout=LOOK_SECONDS)) as client:
            status, _, log = _run(client, [*sandbox.as_root, "sh", "-c", STATUS]).partition("\n")
    except SandboxError as error:
        if isinstance(error.__context__, paramiko.BadHostKeyException):
            raise
        raise NotYetError("it lets nobody in by SSH", f"{error.what}: {error.detail}") from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise NotYetError("it lets nobody in by SSH", str(error)) from error
    if status == FAILED:
        raise SandboxError(
            f"sandbox {sandbox.name}: {machine.name} could not start its database",
            detail=log.strip(),
            hint="The image must have the database's server and client, Python 3 and util-linux, or the sandbox's `packages` "
            "must bring them.",
        )
    if status != READY:
        raise NotYetError("cloud-init is not done", log.strip() or status)


def _run(client: paramiko.SSHClient, argv: list[str]) -> str:
    """Run a program there and return what it writes, its errors too."""
    _, stdout, stderr = client.exec_command(shlex.join(argv), timeout=LOOK_SECONDS)
    written: bytes = stdout.read() + stderr.read()
    return written.decode("utf-8", "replace")
